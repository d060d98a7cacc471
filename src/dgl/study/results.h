#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/study/study.h"

namespace dgl {

/// Mean, deviation (ddof 1) and standard error of the mean over seeds; the last two need two values.
struct SampleStats {
  int64_t count = 0;
  double mean = 0, deviation = 0, error = 0;
};
SampleStats spread_of(const std::vector<double>& values);

/// What is known of the runs of a study, finished or failed.
struct StudyResults {
  struct Run {
    std::string folder;                        ///< within the study's folder, there where it was run
    std::optional<double> fd;                  ///< of the result, over the final samples; nothing before it is done
    std::optional<double> fd_end;              ///< at the last image
    std::optional<double> kimg;                ///< where the result was reached
    std::optional<double> seconds_per_kimg;    ///< of training in its last stage, evaluations left out
    std::optional<std::string> failure, from;  ///< why it failed; the results file it was read from
  };
  struct Point {
    double mean = 0, least = 0, greatest = 0;
    int64_t count = 0;
  };
  struct Arm {
    std::map<int64_t, Run> runs;     ///< by seed
    std::map<int64_t, Point> curve;  ///< distance over all its runs, by images seen, those of stage 1 among them
    std::optional<double> params;    ///< of the generator
    std::string recipe;              ///< what makes its runs what they are, but for the seed (recipe_identity)
  };
  std::vector<Arm> arms;                 ///< as the study has them
  std::map<int64_t, double> teacher_fd;  ///< by seed, from whose latents the teacher's samples are drawn, too
  std::optional<double> metric_samples;
  std::map<std::string, std::string> inputs;  ///< hashes of the study's files, by their names
  std::optional<std::string> metric;
};

/// The numbers of the runs in their folders: of those that are run here, and of all that are done. `failures`: why runs
/// of the plan failed, by index. `inputs`: hash_inputs.
StudyResults read_runs(const Study& study, const std::vector<StudyRun>& runs,
                       const std::map<size_t, std::string>& failures, const std::map<std::string, std::string>& inputs);

/// The numbers of a results.json of the same study, made elsewhere. Error that names the file and what is wrong: it has
/// an arm that the study lacks, a run that is neither done nor failed, or values that no study writes.
StudyResults read_results(const std::filesystem::path& file, const Study& study);

/// Adds the numbers of other runs. Error that names `file`, theirs, if they are of another recipe, other files or
/// another metric, or if both have finished a run of one arm and seed; where one has failed, what the other has counts.
void merge_results(const Study& study, StudyResults& to, const StudyResults& from, const std::string& file);

/// results.json of a study (docs/studies.md): of every arm its runs, the mean of the result's distance, of the distance
/// at the last image, of the differences to the control arm at the same seed, the geometric means of the ratios to it
/// in distance and in the time of an image, and its curve; of what there is so far.
nlohmann::json study_results(const Study& study, const StudyResults& numbers);

}  // namespace dgl
