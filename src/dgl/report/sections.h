#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dgl/base/table_reader.h"
#include "dgl/run/run_log.h"

namespace dgl {

/// One model of a run's summary: student, teacher or model. Fields missing from the summary are empty.
struct ModelFacts {
  std::string file, width;
  std::optional<double> distance, params, macs, discriminator_params, discriminator_macs;
  std::map<int64_t, double> latency_ms;  ///< indexed by batch size
};

/// The facts about a run that a report shows.
struct RunFacts {
  std::string name;     ///< name of the run directory
  TableReader summary;  ///< empty until the run finishes
  RunLog log;
  bool has_teacher = false;
  ModelFacts own, teacher;  ///< own: the student, or the only model of a run without a teacher
  std::string metric = "fd";
};

/// Combines summary and log.
RunFacts gather_facts(const std::string& name, const TableReader& summary, RunLog log);

/// Parts of the page as HTML. Each is empty if the run has no data for it.
std::string title_text(const RunFacts& facts);  ///< plain text, not escaped
std::string lead_section(const RunFacts& facts);
std::string tiles_section(const RunFacts& facts);
std::string table_section(const RunFacts& facts);
std::string stages_section(const RunFacts& facts);
/// How well discriminators told real images from the student's at both ends of a guided stage.
std::string judges_section(const RunFacts& facts);
/// What was measured of translations, in each direction.
std::string translations_section(const RunFacts& facts);
/// Distances by the calls of a diffusion model's network.
std::string calls_section(const RunFacts& facts);
std::string facts_section(const RunFacts& facts);

}  // namespace dgl
