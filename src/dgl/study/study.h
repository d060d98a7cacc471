#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dgl/recipe/recipe.h"

namespace dgl {

/// One arm of a study: how its runs differ from the others'.
struct StudyArm {
  std::string name;                    ///< also a folder's
  std::string command = "compress";    ///< compress or boost
  bool from_teacher = false;           ///< boost: stage 2 starts from the teacher's own networks
  std::vector<std::string> overrides;  ///< recipe keys, "guidance.lambda=0.3"
};

/// An experiment: arms over seeds, from shared stage-1 states, at equal numbers of images (docs/studies.md).
struct Study {
  std::string name;                    ///< of the file, without its ending
  std::string title;                   ///< for people
  std::string recipe_file, recipe;     ///< the recipe that all arms start from: its file and its text
  std::string teacher, data;           ///< absolute
  std::vector<std::string> overrides;  ///< recipe keys of all arms
  std::vector<int64_t> seeds;
  std::string control;  ///< the arm that others are compared with
  std::vector<StudyArm> arms;

  /// The recipe of an arm's run with everything filled in but the stage 1 it starts from.
  Recipe arm_recipe(const StudyArm& arm, int64_t seed) const;
};

/// Reads a study. Files that it names are found beside it or beside its folder. Error that names file and key for an
/// unknown key, a value of the wrong type or out of range, a file that is missing, or arms that see unequal numbers of
/// images.
Study load_study(const std::filesystem::path& path);

/// The first lines in which two texts differ: of `a`, of `b`.
std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b);

/// One training run of a study.
struct StudyRun {
  std::filesystem::path folder;  ///< the run directory, within the study's folder
  Recipe recipe;
  std::optional<size_t> depends_on;  ///< the run of the plan whose stage 1 this one starts from
  std::optional<size_t> arm;         ///< index of the arm; nothing for a stage 1 that arms share
  int64_t seed = 0;
  bool selected = true;  ///< it is to be run here; what is done counts in any case
};

/// All runs of a study in `out`, those of the first seed first, each after the one it needs. Arms whose recipes agree
/// in all that a stage 1 depends on share one.
std::vector<StudyRun> plan_runs(const Study& study, const std::filesystem::path& out);

/// Leaves of a plan what is to be run here: the arms called `arms` and the `seeds`, all where a list is empty, and the
/// stages 1 that they start from. Error that names one that the study lacks.
void select_runs(const Study& study, std::vector<StudyRun>& runs, const std::vector<std::string>& arms,
                 const std::vector<int64_t>& seeds);

/// Leaves out the stages 1 from which no run that is to be run here starts.
void prune_unused_stages(std::vector<StudyRun>& runs);

/// What makes a run what it is, as TOML: its recipe, wherever its files lie and whatever it is computed on.
std::string recipe_identity(Recipe recipe);

/// Hashes of the contents of a study's files: teacher, data, feature networks and further teachers, by their names.
std::map<std::string, std::string> hash_inputs(const Study& study);

}  // namespace dgl
