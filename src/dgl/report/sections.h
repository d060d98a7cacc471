#pragma once

#include <map>
#include <optional>
#include <string>

#include "dgl/base/table_reader.h"
#include "dgl/run/run_log.h"

namespace dgl {

/// One model of a run's summary: student, teacher or model. What the summary leaves out is nothing here.
struct ModelFacts {
  std::string file, width;
  std::optional<double> distance, params, macs, discriminator_params, discriminator_macs;
  std::map<int64_t, double> latency_ms;  ///< by batch
};

/// A run as the report tells it.
struct RunFacts {
  std::string name;     ///< the run directory's
  TableReader summary;  ///< empty while the run goes on
  RunLog log;
  bool has_teacher = false;
  ModelFacts own, teacher;  ///< own: the student, or the one model of a run without a teacher
  std::string metric = "fd";
};

/// Puts together what summary and log say.
RunFacts gather_facts(const std::string& name, const TableReader& summary, RunLog log);

/// Parts of the page as HTML. Each is empty where the run has nothing to say on it.
std::string title_text(const RunFacts& facts);  ///< plain text, not escaped
std::string lead_section(const RunFacts& facts);
std::string tiles_section(const RunFacts& facts);
std::string table_section(const RunFacts& facts);
std::string stages_section(const RunFacts& facts);
std::string facts_section(const RunFacts& facts);

}  // namespace dgl
