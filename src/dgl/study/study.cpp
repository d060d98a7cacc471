#include "dgl/study/study.h"

#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/hash.h"
#include "dgl/base/paths.h"
#include "dgl/base/toml_file.h"

namespace dgl {

namespace {

constexpr int64_t kMaxSeeds = 1000;

/// The keys of one table of a study, each taken once; what is left over is an error.
class Keys {
 public:
  Keys(const toml::table& table, std::string where) : table_(table), where_(std::move(where)) {}

  const toml::node* take(const std::string& key) {
    taken_.push_back(key);
    return table_.get(key);
  }
  std::string text(const std::string& key, const std::optional<std::string>& otherwise) {
    const toml::node* node = take(key);
    if (!node && otherwise) return *otherwise;
    const auto value = node ? node->value_exact<std::string>() : std::nullopt;
    if (!value || value->empty()) fail("{}{}: expected a text in quotes", where_, key);
    return *value;
  }
  std::string file(const std::string& key, const fs::path& origin) {
    const std::string path = find_beside(text(key, std::nullopt), origin);
    if (!fs::exists(path)) fail("{}{}: {} is missing", where_, key, path);
    return absolute_path(path);
  }
  bool flag(const std::string& key) {
    const toml::node* node = take(key);
    if (!node) return false;
    const auto value = node->value_exact<bool>();
    if (!value) fail("{}{}: expected true or false", where_, key);
    return *value;
  }
  std::vector<std::string> texts(const std::string& key) {
    const toml::node* node = take(key);
    std::vector<std::string> all;
    if (!node) return all;
    if (node->is_array()) {
      for (const toml::node& item : *node->as_array()) {
        if (const auto value = item.value_exact<std::string>()) all.push_back(*value);
      }
    }
    if (!node->is_array() || all.size() != node->as_array()->size()) {
      fail("{}{}: expected an array of texts like \"training.batch=16\"", where_, key);
    }
    return all;
  }
  void expect_no_more() const {
    for (const auto& [key, node] : table_) {
      if (std::find(taken_.begin(), taken_.end(), key.str()) == taken_.end()) {
        fail("{}{} is not a key of a study; docs/studies.md lists them", where_, std::string(key.str()));
      }
    }
  }

 private:
  const toml::table& table_;
  std::string where_;
  std::vector<std::string> taken_;
};

std::vector<int64_t> read_seeds(const toml::node* node, const std::string& where) {
  std::vector<int64_t> seeds;
  if (const auto count = node ? node->value_exact<int64_t>() : std::nullopt) {
    if (*count < 1 || *count > kMaxSeeds) fail("{}seeds = {}: expected 1 to {}", where, *count, kMaxSeeds);
    for (int64_t seed = 0; seed < *count; ++seed) seeds.push_back(seed);
    return seeds;
  }
  const auto* array = node ? node->as_array() : nullptr;
  if (!array || array->empty()) fail("{}seeds: expected a number of seeds or an array of them", where);
  for (const toml::node& item : *array) {
    const auto seed = item.value_exact<int64_t>();
    if (!seed || *seed < 0) fail("{}seeds: expected whole numbers, 0 or more", where);
    if (std::find(seeds.begin(), seeds.end(), *seed) != seeds.end()) fail("{}seeds: {} stands twice", where, *seed);
    seeds.push_back(*seed);
  }
  return seeds;
}

StudyArm read_arm(const toml::table& table, const std::string& where) {
  static const std::regex folder_name("[A-Za-z0-9_][A-Za-z0-9._-]{0,63}");
  Keys keys(table, where);
  StudyArm arm;
  arm.name = keys.text("name", std::nullopt);
  if (!std::regex_match(arm.name, folder_name)) {
    fail("{}name = \"{}\": expected letters, digits, dots, dashes and underscores", where, arm.name);
  }
  arm.command = keys.text("command", arm.command);
  if (arm.command != "compress" && arm.command != "boost") {
    fail("{}command = \"{}\": expected compress or boost", where, arm.command);
  }
  arm.from_teacher = keys.flag("from_teacher");
  if (arm.from_teacher && arm.command != "boost") fail("{}from_teacher: expected command = \"boost\" with it", where);
  arm.overrides = keys.texts("set");
  keys.expect_no_more();
  return arm;
}

/// Images that a run sees.
int64_t images_of(const StudyArm& arm, const Recipe& recipe) {
  const auto images = [](double kimg) { return std::llround(kimg * 1000); };
  return (arm.from_teacher ? 0 : images(recipe.stage1_kimg)) + images(recipe.stage2_kimg);
}

void check_arms(const Study& study, const std::string& where) {
  if (study.arms.empty()) fail("{}expected one [[arms]] at least", where);
  int64_t first = 0;
  for (size_t i = 0; i < study.arms.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (study.arms[k].name == study.arms[i].name) fail("{}two arms are called {}", where, study.arms[i].name);
    }
    const Recipe recipe = study.arm_recipe(study.arms[i], 0);
    if (recipe.feature_file.empty() || !fs::exists(recipe.run_features)) {
      fail("{}arm {}: evaluation.features = \"{}\": expected a feature network, whose distance is compared", where,
           study.arms[i].name, recipe.feature_file);
    }
    const int64_t images = images_of(study.arms[i], recipe);
    if (i == 0) first = images;
    if (images != first) {
      fail("{}arm {} sees {} images, arm {} {}; arms are compared at equal images", where, study.arms[0].name, first,
           study.arms[i].name, images);
    }
  }
  const auto named = [&](const StudyArm& arm) { return arm.name == study.control; };
  if (std::none_of(study.arms.begin(), study.arms.end(), named)) {
    fail("{}control = \"{}\": no arm is called so", where, study.control);
  }
}

/// What of a recipe a stage 1 alone depends on; the same text, the same stage 1.
Recipe stage1_recipe(const Recipe& arm) {
  Recipe recipe = arm;
  recipe.guidance = {};
  recipe.guidance.lambda = 0;
  recipe.stage2_kimg = 0;
  return recipe;
}

}  // namespace

Recipe Study::arm_recipe(const StudyArm& arm, int64_t seed) const {
  std::vector<std::string> all = overrides;
  if (arm.command == "boost") all.push_back("student.width=1");
  all.insert(all.end(), arm.overrides.begin(), arm.overrides.end());
  all.push_back(fmt::format("training.seed={}", seed));
  Recipe result = parse_recipe(recipe, recipe_file, all);
  result.command = arm.command;
  result.data = data;
  result.teacher = teacher;
  result.from_teacher = arm.from_teacher;
  for (TeacherRecipe& teacher : result.guidance.teachers)
    teacher.file = absolute_path(find_beside(teacher.file, recipe_file));
  result.run_features = absolute_path(find_beside(result.feature_file, recipe_file));
  return result;
}

Study load_study(const fs::path& path) {
  const toml::table top = parse_toml(read_file(path, 1 << 20), path.string());
  const std::string where = path.string() + ": ";
  Keys keys(top, where);
  Study study;
  study.name = path.stem().string();
  study.title = keys.text("title", study.name);
  study.recipe_file = keys.file("recipe", path);
  study.recipe = read_file(study.recipe_file, 1 << 20);
  study.teacher = keys.file("teacher", path);
  study.data = keys.file("data", path);
  study.overrides = keys.texts("set");
  study.seeds = read_seeds(keys.take("seeds"), where);
  if (const toml::node* arms = keys.take("arms")) {
    if (!arms->is_array_of_tables()) fail("{}arms: expected [[arms]]", where);
    for (const toml::node& arm : *arms->as_array()) {
      study.arms.push_back(read_arm(*arm.as_table(), fmt::format("{}arm {}: ", where, study.arms.size() + 1)));
    }
  }
  study.control = keys.text("control", study.arms.empty() ? "" : study.arms[0].name);
  keys.expect_no_more();
  check_arms(study, where);
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
      if (!arm.from_teacher && run.recipe.stage1_kimg > 0 && run.recipe.stage2_kimg > 0) {
        Recipe shared = stage1_recipe(run.recipe);
        const auto [found, added] = stage1_runs.emplace(recipe_toml(shared), runs.size());
        // Named by the first arm that needs it.
        if (added) runs.push_back({out / "stage1" / arm.name / seed_name, shared, std::nullopt, std::nullopt, seed});
        run.depends_on = found->second;
        run.recipe.from_stage1 = absolute_path(runs[found->second].folder.string());
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
  for (std::string* path : {&recipe.data, &recipe.teacher, &recipe.run_features}) *path = file_name(*path);
  for (TeacherRecipe& teacher : recipe.guidance.teachers) teacher.file = file_name(teacher.file);
  recipe.from_stage1.clear();
  recipe.device.clear();
  recipe.threads = 0;
  return recipe_toml(recipe);
}

std::map<std::string, std::string> hash_inputs(const Study& study) {
  std::set<std::string> files{study.teacher, study.data};
  for (const StudyArm& arm : study.arms) {
    const Recipe recipe = study.arm_recipe(arm, 0);
    files.insert(recipe.run_features);
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
