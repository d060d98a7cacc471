#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/run/run_log.h"
#include "dgl/study/comparison.h"
#include "dgl/study/study.h"

namespace dgl {

/// The results of a study's runs, finished or failed.
struct StudyResults {
  struct Run {
    std::string folder;              ///< relative to the study's folder where it was run
    std::optional<double> fd;        ///< distance of the result, over the final samples; empty until the run is done
    std::optional<double> fd_end;    ///< distance at the last image
    std::optional<double> fd_last3;  ///< mean of the last three evaluations
    std::optional<double> kimg;      ///< thousands of images at which the result was reached
    std::optional<double> seconds_per_kimg;      ///< training time in its last stage, without evaluations
    std::optional<double> cpu_seconds_per_kimg;  ///< processor time of the same, over all threads
    std::optional<double> threads;               ///< threads of the run
    /// Of the result, as in FinalMeasures.
    std::optional<double> judge_fd, kid_mean, precision, recall, psnr, ssim, lpips, prior_fd;
    std::vector<Evaluation> evaluations;       ///< all of a finished run's, including those of stage 1, in order
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
  /// Measures of the teacher, as in FinalMeasures. Empty ones were not taken.
  struct Teacher {
    std::optional<double> fd, judge_fd, kid_mean, precision, recall, psnr, ssim, lpips, prior_fd;
  };
  std::vector<Arm> arms;               ///< in the study's order
  std::map<int64_t, Teacher> teacher;  ///< by seed, which also determines the latents of the teacher's samples
  std::optional<double> metric_samples;
  std::map<std::string, std::string> inputs;        ///< hashes of the study's files, by file name
  std::optional<std::string> metric, judge_metric;  ///< names of the distances
};

/// Collects the results of runs from their folders: of the selected runs and of all finished ones. `failures` gives, by
/// index in the plan, why runs failed. `inputs` comes from hash_inputs().
StudyResults read_runs(const Study& study, const std::vector<StudyRun>& runs,
                       const std::map<size_t, std::string>& failures, const std::map<std::string, std::string>& inputs);

/// Reads a results.json of the same study, made elsewhere. Throws Error, naming the file and the problem, if it has an
/// arm that the study lacks, a run that is neither done nor failed, or invalid values. What earlier versions did not
/// record stays empty.
StudyResults read_results(const std::filesystem::path& file, const Study& study);

/// Adds the results `from` another file to `to`. A finished run replaces a failed one. Throws Error, naming that
/// `file`, if recipe, files or metric differ. Throws Error if both contain a finished run of the same arm and seed.
void merge_results(const Study& study, StudyResults& to, const StudyResults& from, const std::string& file);

/// Returns results.json of a study (docs/studies.md), from the runs so far. For each arm:
/// - its runs and its curves over images and over seconds
/// - means of the distances of the results, at the last image and of the last three evaluations, and of what judges the
///   results otherwise
/// - the mean differences to the control arm at the same seed
/// - the geometric mean ratios to the control arm in distance, at equal seconds, and in time per image
/// - the seconds until the teacher's distance and until that of the control arm's end
nlohmann::json study_results(const Study& study, const StudyResults& numbers);

}  // namespace dgl
