#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/recipe/recipe.h"

namespace dgl {

/// One arm of a study: the differences between its runs and those of other arms.
struct StudyArm {
  std::string name;                    ///< also the name of its folder
  std::string command = "compress";    ///< compress or boost
  bool from_teacher = false;           ///< boost: stage 2 starts from the teacher's own networks
  std::vector<std::string> overrides;  ///< recipe keys, "guidance.lambda=0.3"
};

/// An experiment: arms over seeds, from shared stage-1 states, compared at equal numbers of images or at equal training
/// time (docs/studies.md).
struct Study {
  std::string name;                    ///< name of the file, without its extension
  std::string title;                   ///< title in reports
  std::string recipe_file, recipe;     ///< the common recipe of all arms: its file and its text
  std::string teacher, data;           ///< absolute paths
  std::string data_b;                  ///< the set of the second domain, of families that have two; else ""
  std::vector<std::string> overrides;  ///< recipe keys of all arms
  std::vector<int64_t> seeds;
  std::string control;            ///< the arm that the others are compared with
  bool equal_seconds = false;     ///< compared at equal seconds of training; false: arms see equal numbers of images
  std::optional<double> seconds;  ///< with equal_seconds, the most seconds to compare at, above 0
  std::vector<StudyArm> arms;

  /// Returns the recipe of an arm's run, complete except for the stage 1 that it starts from.
  Recipe arm_recipe(const StudyArm& arm, int64_t seed) const;
};

/// Reads a study. The files that it names are searched for at their path, beside the study and beside its folder.
/// Throws Error, naming file and key, for an unknown key, a wrong type, a value out of range, a missing file, arms that
/// see unequal numbers of images unless `equal = "seconds"`, or arms with different judges.
Study load_study(const std::filesystem::path& path);

/// Returns the first lines in which two texts differ: that of `a` and that of `b`.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b);

/// One training run of a study.
struct StudyRun {
  std::filesystem::path folder;  ///< the run directory, within the study's folder
  Recipe recipe;
  std::optional<size_t> depends_on;  ///< index of the run whose stage 1 this one starts from
  std::optional<size_t> arm;         ///< index of the arm; empty for a stage 1 shared by arms
  int64_t seed = 0;
  bool selected = true;  ///< true if it is to be run here; finished runs count in any case
};

/// Returns all runs of a study in `out`, grouped by seed in the study's order, each after the run it depends on. Arms
/// whose recipes agree in everything that stage 1 depends on share one stage 1.
std::vector<StudyRun> plan_runs(const Study& study, const std::filesystem::path& out);

/// Selects the runs to execute on this machine: those of the given arms and seeds (an empty list means all), and the
/// stages 1 that they start from. Throws Error, naming an arm or seed that the study lacks.
void select_runs(const Study& study, std::vector<StudyRun>& runs, const std::vector<std::string>& arms,
                 const std::vector<int64_t>& seeds);

/// Deselects each stage 1 that no selected run starts from.
void prune_unused_stages(std::vector<StudyRun>& runs);

/// Returns a canonical TOML text that identifies a run: its recipe, independent of file locations and device.
std::string recipe_identity(Recipe recipe);

/// Returns hashes of the contents of a study's files, by file name: teacher, packed sets, feature networks and further
/// teachers.
std::map<std::string, std::string> hash_inputs(const Study& study);

}  // namespace dgl
