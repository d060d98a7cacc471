#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/study/study.h"

namespace dgl {

/// Mean, standard deviation (ddof 1) and standard error of the mean over seeds. The last two need two values.
struct SampleStats {
  int64_t count = 0;
  double mean = 0, deviation = 0, error = 0;
};
SampleStats spread_of(const std::vector<double>& values);

/// The results of a study's runs, finished or failed.
struct StudyResults {
  struct Run {
    std::string folder;            ///< relative to the study's folder where it was run
    std::optional<double> fd;      ///< distance of the result, over the final samples; empty until the run is done
    std::optional<double> fd_end;  ///< distance at the last image
    std::optional<double> kimg;    ///< thousands of images at which the result was reached
    std::optional<double> seconds_per_kimg;    ///< training time in its last stage, without evaluations
    std::optional<std::string> failure, from;  ///< why it failed; the results file it was read from
  };
  struct Point {
    double mean = 0, least = 0, greatest = 0;
    int64_t count = 0;
  };
  struct Arm {
    std::map<int64_t, Run> runs;     ///< indexed by seed
    std::map<int64_t, Point> curve;  ///< distance over all its runs, by images seen, including those of stage 1
    std::optional<double> params;    ///< parameters of the generator
    std::string recipe;              ///< identity of its runs, without the seed (recipe_identity)
  };
  std::vector<Arm> arms;                 ///< in the study's order
  std::map<int64_t, double> teacher_fd;  ///< by seed, which also determines the latents of the teacher's samples
  std::optional<double> metric_samples;
  std::map<std::string, std::string> inputs;  ///< hashes of the study's files, by file name
  std::optional<std::string> metric;
};

/// Collects the results of runs from their folders: of the selected runs and of all finished ones. `failures` gives, by
/// index in the plan, why runs failed. `inputs` comes from hash_inputs().
StudyResults read_runs(const Study& study, const std::vector<StudyRun>& runs,
                       const std::map<size_t, std::string>& failures, const std::map<std::string, std::string>& inputs);

/// Reads a results.json of the same study, made elsewhere. Throws Error, naming the file and the problem, if it has an
/// arm that the study lacks, a run that is neither done nor failed, or invalid values.
StudyResults read_results(const std::filesystem::path& file, const Study& study);

/// Adds the results `from` another file to `to`. A finished run replaces a failed one. Throws Error, naming that
/// `file`, if recipe, files or metric differ. Throws Error if both contain a finished run of the same arm and seed.
void merge_results(const Study& study, StudyResults& to, const StudyResults& from, const std::string& file);

/// Returns results.json of a study (docs/studies.md), from the runs so far. For each arm:
/// - its runs and its curve
/// - the mean distance of the results and the mean distance at the last image
/// - the mean differences to the control arm at the same seed
/// - the geometric mean ratios to the control arm in distance and in time per image
nlohmann::json study_results(const Study& study, const StudyResults& numbers);

}  // namespace dgl
