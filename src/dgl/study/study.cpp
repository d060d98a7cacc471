#include "dgl/study/study.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/hash.h"
#include "dgl/base/paths.h"
#include "dgl/base/table_reader.h"
#include "dgl/base/toml_file.h"

namespace dgl {

namespace {

constexpr int64_t kMaxSeeds = 1000;

constexpr const char* kWhat = "a study; docs/studies.md lists them";

/// Returns a text that must not be empty, or `default_value` if the key is absent.
std::string text_of(const TableReader& table, const std::string& key, const std::string& default_value,
                    const std::string& where) {
  const std::string value = table.text(key).value_or(default_value);
  if (value.empty()) fail("{}{}: expected a text in quotes", where, key);
  return value;
}

/// Returns the absolute path of a file that a study names. Throws Error if the file is missing.
std::string file_of(const TableReader& table, const std::string& key, const fs::path& origin,
                    const std::string& where) {
  const std::string path = find_beside(text_of(table, key, "", where), origin);
  if (!fs::exists(path)) fail("{}{}: {} is missing", where, key, path);
  return absolute_path(path);
}

std::vector<int64_t> read_seeds(const TableReader& table, const std::string& where) {
  const nlohmann::json* node = table.find("seeds");
  std::vector<int64_t> seeds;
  if (node && node->is_number_integer()) {
    const int64_t count = table.integer("seeds", 1, kMaxSeeds);
    for (int64_t seed = 0; seed < count; ++seed) seeds.push_back(seed);
    return seeds;
  }
  if (!node || !node->is_array() || node->empty()) {
    fail("{}seeds: expected a number of seeds or an array of them", where);
  }
  for (const int64_t seed : table.integers("seeds", 0, INT64_MAX, kMaxSeeds)) {
    if (std::find(seeds.begin(), seeds.end(), seed) != seeds.end()) fail("{}seeds: {} stands twice", where, seed);
    seeds.push_back(seed);
  }
  return seeds;
}

StudyArm read_arm(const TableReader& table, const std::string& where) {
  static const std::regex folder_name("[A-Za-z0-9_][A-Za-z0-9._-]{0,63}");
  StudyArm arm;
  arm.name = text_of(table, "name", "", where);
  if (!std::regex_match(arm.name, folder_name)) {
    fail("{}name = \"{}\": expected letters, digits, dots, dashes and underscores", where, arm.name);
  }
  arm.command = text_of(table, "command", arm.command, where);
  if (arm.command != "compress" && arm.command != "boost") {
    fail("{}command = \"{}\": expected compress or boost", where, arm.command);
  }
  arm.from_teacher = table.boolean("from_teacher").value_or(false);
  if (arm.from_teacher && arm.command != "boost") fail("{}from_teacher: expected command = \"boost\" with it", where);
  arm.overrides = table.texts("set");
  table.expect_no_more(kWhat);
  return arm;
}

/// Returns the number of images that a run sees.
int64_t images_of(const StudyArm& arm, const Recipe& recipe) {
  const auto images = [](double kimg) { return std::llround(kimg * 1000); };
  return (arm.from_teacher ? 0 : images(recipe.guidance.stage1_kimg)) + images(recipe.guidance.stage2_kimg);
}

void check_arms(const Study& study, const std::string& where) {
  if (study.arms.empty()) fail("{}expected one [[arms]] at least", where);
  int64_t first = 0;
  std::string judge;
  for (size_t i = 0; i < study.arms.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (study.arms[k].name == study.arms[i].name) fail("{}two arms are called {}", where, study.arms[i].name);
    }
    const Recipe recipe = study.arm_recipe(study.arms[i], 0);
    if (recipe.feature_file.empty() || !fs::exists(recipe.run.features)) {
      fail("{}arm {}: evaluation.features = \"{}\": expected a feature network, whose distance is compared", where,
           study.arms[i].name, recipe.feature_file);
    }
    if (!recipe.judge_feature_file.empty() && !fs::exists(recipe.run.judge_features)) {
      fail("{}arm {}: evaluation.judge_features = \"{}\": the file is missing", where, study.arms[i].name,
           recipe.judge_feature_file);
    }
    if (i == 0) judge = recipe.run.judge_features;
    if (recipe.run.judge_features != judge) {
      fail("{}arm {}: evaluation.judge_features = \"{}\": expected that of arm {}, since one judge compares them",
           where, study.arms[i].name, recipe.judge_feature_file, study.arms[0].name);
    }
    const int64_t images = images_of(study.arms[i], recipe);
    if (i == 0) first = images;
    if (images != first && !study.equal_seconds) {
      fail("{}arm {} sees {} images, arm {} {}; arms are compared at equal images unless equal = \"seconds\"", where,
           study.arms[0].name, first, study.arms[i].name, images);
    }
  }
  const auto named = [&](const StudyArm& arm) { return arm.name == study.control; };
  if (std::none_of(study.arms.begin(), study.arms.end(), named)) {
    fail("{}control = \"{}\": no arm is called so", where, study.control);
  }
}

}  // namespace

Recipe Study::arm_recipe(const StudyArm& arm, int64_t seed) const {
  std::vector<std::string> all = overrides;
  if (arm.command == "boost") all.push_back("student.width=1");
  all.insert(all.end(), arm.overrides.begin(), arm.overrides.end());
  all.push_back(fmt::format("training.seed={}", seed));
  Recipe result = parse_recipe(recipe, recipe_file, all);
  result.run.command = arm.command;
  result.run.data = data;
  result.run.data_b = data_b;
  result.teacher().file = teacher;
  result.run.from_teacher = arm.from_teacher;
  result.locate_files([&](const std::string& file) { return absolute_path(find_beside(file, recipe_file)); });
  return result;
}

Study load_study(const fs::path& path) {
  const std::string where = path.string() + ": ";
  const TableReader table(parse_toml(read_file(path, 1 << 20), path.string()), path.string(), "");
  Study study;
  study.name = path.stem().string();
  study.title = text_of(table, "title", study.name, where);
  study.recipe_file = file_of(table, "recipe", path, where);
  study.recipe = read_file(study.recipe_file, 1 << 20);
  study.teacher = file_of(table, "teacher", path, where);
  study.data = file_of(table, "data", path, where);
  if (table.find("data_b")) study.data_b = file_of(table, "data_b", path, where);
  study.overrides = table.texts("set");
  study.seeds = read_seeds(table, where);
  for (const TableReader& arm : table.objects("arms")) {
    study.arms.push_back(read_arm(arm, fmt::format("{}arm {}: ", where, study.arms.size() + 1)));
  }
  const std::string equal = text_of(table, "equal", "images", where);
  if (equal != "images" && equal != "seconds") fail("{}equal = \"{}\": expected images or seconds", where, equal);
  study.equal_seconds = equal == "seconds";
  study.seconds = table.number("seconds");
  if (study.seconds && !study.equal_seconds) fail("{}seconds: expected equal = \"seconds\" with it", where);
  if (study.seconds && !(*study.seconds > 0)) fail("{}seconds = {}: expected above 0", where, *study.seconds);
  study.control = table.text("control").value_or(study.arms.empty() ? "" : study.arms[0].name);
  table.expect_no_more(kWhat);
  check_arms(study, where);
  for (const StudyArm& arm : study.arms) {
    const Recipe recipe = study.arm_recipe(arm, study.seeds[0]);
    if ((recipe.family_info().domains().size() > 1) == !study.data_b.empty()) continue;
    fail("{}arm {}: {}", where, arm.name,
         study.data_b.empty() ? fmt::format("a {} has two domains of data; expected data_b", recipe.family)
                              : fmt::format("data_b: a {} has one domain of data", recipe.family));
  }
  return study;
}

std::pair<std::string, std::string> first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string is, should;
  while (is == should && (left || right)) {
    if (!std::getline(left, is)) is.clear();
    if (!std::getline(right, should)) should.clear();
  }
  return {is, should};
}

std::vector<StudyRun> plan_runs(const Study& study, const fs::path& out) {
  std::vector<StudyRun> runs;
  for (const int64_t seed : study.seeds) {
    const std::string seed_name = fmt::format("seed{}", seed);
    std::map<std::string, size_t> stage1_runs;  // by recipe
    for (size_t i = 0; i < study.arms.size(); ++i) {
      const StudyArm& arm = study.arms[i];
      StudyRun run{out / "arms" / arm.name / seed_name, study.arm_recipe(arm, seed), std::nullopt, i, seed};
      if (!arm.from_teacher && run.recipe.guidance.stage1_kimg > 0 && run.recipe.guidance.stage2_kimg > 0) {
        Recipe shared = run.recipe.stage1();
        const auto [found, added] = stage1_runs.emplace(recipe_toml(shared), runs.size());
        // The first arm that needs it names it.
        if (added) runs.push_back({out / "stage1" / arm.name / seed_name, shared, std::nullopt, std::nullopt, seed});
        run.depends_on = found->second;
        run.recipe.run.from_stage1 = absolute_path(runs[found->second].folder.string());
      }
      runs.push_back(run);
    }
  }
  return runs;
}

void select_runs(const Study& study, std::vector<StudyRun>& runs, const std::vector<std::string>& arms,
                 const std::vector<int64_t>& seeds) {
  const auto among = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  std::vector<std::string> names;
  for (const StudyArm& arm : study.arms) names.push_back(arm.name);
  for (const std::string& arm : arms) {
    if (!among(names, arm)) fail("--arms {}: the study has {}", arm, fmt::join(names, ", "));
  }
  for (const int64_t seed : seeds) {
    if (!among(study.seeds, seed)) fail("--seeds {}: the study has {}", seed, fmt::join(study.seeds, ", "));
  }
  for (StudyRun& run : runs) {
    run.selected =
        (seeds.empty() || among(seeds, run.seed)) && (!run.arm || arms.empty() || among(arms, names[*run.arm]));
  }
  prune_unused_stages(runs);
}

void prune_unused_stages(std::vector<StudyRun>& runs) {
  std::vector<bool> used(runs.size());
  for (const StudyRun& run : runs) {
    if (run.depends_on && run.selected) used[*run.depends_on] = true;
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].arm) runs[i].selected = used[i];
  }
}

std::string recipe_identity(Recipe recipe) {
  RunRecipe& run = recipe.run;
  for (std::string* path : {&run.data, &run.data_b}) *path = file_name(*path);
  for (const NamedFile& file : recipe.files()) *file.path = file_name(*file.path);
  for (TeacherRecipe& teacher : recipe.guidance.teachers) teacher.file = file_name(teacher.file);
  recipe.run.from_stage1.clear();
  recipe.run.device.clear();
  recipe.run.threads = 0;
  recipe.run.fingerprint.clear();
  return recipe_toml(recipe);
}

std::map<std::string, std::string> hash_inputs(const Study& study) {
  std::set<std::string> files{study.teacher, study.data};
  if (!study.data_b.empty()) files.insert(study.data_b);
  for (const StudyArm& arm : study.arms) {
    Recipe recipe = study.arm_recipe(arm, 0);
    for (const NamedFile& file : recipe.files()) {
      if (!file.path->empty()) files.insert(*file.path);
    }
    for (const TeacherRecipe& teacher : recipe.guidance.teachers) files.insert(teacher.file);
  }
  std::map<std::string, std::set<std::string>> hashes;  // two files may have one name
  for (const std::string& file : files) {
    const MappedFile content(file);
    hashes[file_name(file)].insert(hex64(xxh64(content.data(), content.size())));
  }
  std::map<std::string, std::string> joined;
  for (const auto& [name, all] : hashes) joined[name] = fmt::format("{}", fmt::join(all, " "));
  return joined;
}

}  // namespace dgl
