#include "dgl/recipe/recipe.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/toml_file.h"
#include "dgl/data/diff_augment.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"
#include "dgl/recipe/teachers_table.h"

namespace dgl {

namespace {

/// Whether a key belongs to another family than the recipe's and holds that family's default, as in the recipes of runs
/// that earlier versions wrote, which held the keys of all families.
bool is_other_familys_default(const std::string& table, const std::string& name, const nlohmann::json& value) {
  for (const Family* family : families()) {
    const auto settings = family->default_settings();
    const auto keys = family->keys(*settings);
    if (const ConfigKey* key = find_key(keys, table, name); key && key->holds(value)) return true;
  }
  return false;
}

[[noreturn]] void unknown_key(const std::vector<ConfigKey>& keys, const std::string& family, const std::string& table,
                              const std::string& name, const std::string& origin) {
  const std::string full = table.empty() ? name : table + "." + name;
  std::vector<std::string> others;
  for (const ConfigKey& key : keys) {
    if (key.table == table) others.push_back(key.name);
  }
  if (others.empty()) fail("{}: {} is not a key of a recipe; docs/recipe-keys.md lists them", origin, full);
  fail("{}: {} is not a key of a recipe of {}; {} has {}", origin, full, family,
       table.empty() ? "its top" : "[" + table + "]", fmt::join(others, ", "));
}

std::vector<TeacherRecipe> read_teachers(const nlohmann::json& list, const std::string& family,
                                         const std::string& origin) {
  const auto is_table = [](const nlohmann::json& item) { return item.is_object(); };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_table)) {
    fail("{}: {}: expected [[{}]]", origin, kTeachersTable, kTeachersTable);
  }
  std::vector<TeacherRecipe> teachers;
  for (const nlohmann::json& item : list) {
    TeacherRecipe& teacher = teachers.emplace_back();
    const auto keys = teacher_keys(teacher);
    for (const auto& [name, value] : item.items()) {
      const ConfigKey* key = find_key(keys, kTeachersTable, name);
      if (!key) unknown_key(keys, family, kTeachersTable, name, origin);
      key->assign(value, origin);
    }
    if (teacher.file.empty()) fail("{}: {}: a teacher without a file", origin, kTeachersTable);
  }
  return teachers;
}

/// "training.batch=16" as key and value. A text needs no quotes: what is not TOML by itself, and any value of a key
/// that takes a text.
struct Override {
  std::string origin, table, name, value;

  explicit Override(const std::string& text) : origin("--set " + text) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) fail("{}: expected KEY=VALUE", origin);
    const std::string full = text.substr(0, equals);
    const size_t dot = full.find('.');
    table = dot == std::string::npos ? "" : full.substr(0, dot);
    name = dot == std::string::npos ? full : full.substr(dot + 1);
    value = text.substr(equals + 1);
  }
  nlohmann::json json(bool takes_text) const {
    const auto parsed = parse_toml_value(value);
    return !parsed || (takes_text && !parsed->is_string()) ? nlohmann::json(value) : *parsed;
  }
};

/// The family that a recipe and its overrides name.
std::string family_in(const nlohmann::json& top, const std::vector<Override>& overrides, const std::string& origin) {
  std::string family = default_family();
  if (top.contains("family")) {
    if (!top["family"].is_string()) fail("{}: family: expected a text in quotes", origin);
    family = top["family"].get<std::string>();
    find_family(family, origin);
  }
  for (const Override& o : overrides) {
    if (o.table.empty() && o.name == "family") family = o.json(true).get<std::string>();
  }
  return family;
}

void check(Recipe& r, const std::string& origin) {
  r.family_info().check(*r.network, origin);
  if (r.batch % r.accumulations != 0) {
    fail("{}: training.accumulations = {}: expected a divisor of training.batch = {}", origin, r.accumulations,
         r.batch);
  }
  const int64_t part = r.batch / r.accumulations;
  if (r.batch_generator > r.batch || r.batch_generator % part != 0) {
    fail("{}: training.batch_generator = {}: expected a multiple of batch / accumulations = {}, {} at most", origin,
         r.batch_generator, part, r.batch);
  }
  Rational::parse(r.width, origin + ": student.width");
  if (!r.discriminator_width.empty() && r.discriminator_width != "generator") {
    Rational::parse(r.discriminator_width, origin + ": student.discriminator_width");
  }
  DiffAugment::parse(r.augment, origin + ": training.augment");
  if (r.ada_target > 0 && r.augment.empty()) {
    fail("{}: training.ada_target = {}: expected training.augment to say what it adapts", origin, r.ada_target);
  }
  for (size_t i = 0; i < r.guidance.teachers.size(); ++i) {
    const TeacherRecipe& teacher = r.guidance.teachers[i];
    const std::string table = origin + (i == 0 ? ": guidance" : ": guidance.teachers");
    make_schedule(teacher.schedule, teacher.lambda, table + ".schedule");
    make_schedule(teacher.pair_schedule, teacher.pair, table + ".pair_schedule");
    for (const auto& [name, weight] : {std::pair{"lambda", teacher.lambda}, std::pair{"pair", teacher.pair}}) {
      if (weight < 0 && weight != kChosenWeight) {
        fail("{}.{} = {}: expected 0 or more, or -1 for the program's choice", table, name, weight);
      }
    }
    make_schedule(teacher.match_schedule, teacher.match, table + ".match_schedule");
    make_weight(teacher.weight, table + ".weight");
    make_pair_weight(teacher.pair_weight, table + ".pair_weight");
  }
  make_schedule(r.lr_schedule, 1, origin + ": training.lr_schedule");
}

}  // namespace

Recipe::Recipe(const std::string& name, const std::string& origin)
    : family(name), network(find_family(name, origin).default_settings()) {}

std::vector<std::string> Recipe::data_files() const {
  std::vector<std::string> files{run.data};
  if (family_info().domains().size() > 1) files.push_back(run.data_b);
  return files;
}

std::vector<NamedFile> Recipe::files() {
  std::vector<NamedFile> files{{"evaluation.features", &feature_file, &run.features},
                               {"evaluation.judge_features", &judge_feature_file, &run.judge_features},
                               {"evaluation.held_out_judge", &held_out_judge_file, &run.held_out_judge},
                               {"evaluation.test", &test_file, &run.test},
                               {"evaluation.test_b", &test_b_file, &run.test_b},
                               {"evaluation.styles", &style_file, &run.styles},
                               {"evaluation.lpips", &lpips_file, &run.lpips}};
  for (const NamedFile& file : network->files()) files.push_back(file);
  return files;
}

void Recipe::locate_files(const std::function<std::string(const std::string&)>& path_of) {
  for (const NamedFile& file : files()) *file.path = path_of(*file.name);
  for (TeacherRecipe& teacher : guidance.teachers) teacher.file = path_of(teacher.file);
}

AugmentationOptions Recipe::augmentation() const {
  return {.operations = augment,
          .probability = augment_p,
          .ada_target = ada_target,
          .ada_images = ada_kimg * 1000,
          .batch = batch};
}

Recipe Recipe::stage1() const {
  Recipe recipe = *this;
  recipe.guidance = {};
  recipe.guidance.resize = guidance.resize;
  recipe.guidance.stage1 = guidance.stage1;
  recipe.guidance.distill_distance = guidance.distill_distance;
  recipe.guidance.distill_lr = guidance.distill_lr;
  recipe.guidance.stage1_kimg = guidance.stage1_kimg;
  recipe.guidance.stage2_kimg = 0;
  recipe.teacher().file = teacher().file;
  recipe.teacher().lambda = recipe.teacher().pair = 0;
  return recipe;
}

Recipe Recipe::with_default_start() const {
  Recipe defaults(family), recipe = *this;
  const auto usual = recipe_keys(defaults), own = recipe_keys(recipe);
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i].table == "student") own[i].assign(*parse_toml_value(usual[i].toml()), "default");
  }
  recipe.guidance.stage1 = defaults.guidance.stage1;
  return recipe;
}

Recipe Recipe::without_run() const {
  Recipe recipe = *this;
  recipe.run = {};
  for (const NamedFile& file : recipe.network->files()) file.path->clear();
  recipe.guidance.teachers.resize(1);
  recipe.teacher().file.clear();
  recipe.shards = 0;
  return recipe;
}

Recipe parse_recipe(const std::string& text, const std::string& origin,
                    const std::vector<std::string>& override_texts) {
  const nlohmann::json top = parse_toml(text, origin);
  const std::vector<Override> overrides(override_texts.begin(), override_texts.end());
  const std::string family = family_in(top, overrides, origin);
  Recipe recipe(family, origin);
  const auto keys = recipe_keys(recipe);
  const bool stored = top.contains("run");  // written by the program, perhaps by an earlier version of it
  if (stored) {                             // which knew no other start than this
    recipe.init = recipe.discriminator_init = "random";
    recipe.keep_channels = "strided";
    recipe.guidance.stage1 = "alone";
    recipe.teacher().lambda = 0.1;
    recipe.teacher().pair = 0;
  }
  std::vector<TeacherRecipe> more_teachers;
  const auto assign = [&](const std::string& table, const std::string& name, const nlohmann::json& value) {
    if (const ConfigKey* key = find_key(keys, table, name)) return key->assign(value, origin);
    if (stored && is_other_familys_default(table, name, value)) return;
    unknown_key(keys, family, table, name, origin);
  };
  for (const auto& [name, node] : top.items()) {
    if (!node.is_object()) {
      assign("", name, node);
      continue;
    }
    for (const auto& [inner, value] : node.items()) {
      if (name + "." + inner == kTeachersTable) {
        more_teachers = read_teachers(value, family, origin);
      } else {
        assign(name, inner, value);
      }
    }
  }
  for (const Override& o : overrides) {
    if (o.table + "." + o.name == kTeachersTable) {
      more_teachers = read_teachers(o.json(false), family, o.origin);
      continue;
    }
    const ConfigKey* key = find_key(keys, o.table, o.name);
    if (!key) unknown_key(keys, family, o.table, o.name, o.origin);
    key->assign(o.json(key->takes_text()), o.origin);
  }
  auto& teachers = recipe.guidance.teachers;
  teachers.insert(teachers.end(), more_teachers.begin(), more_teachers.end());
  check(recipe, origin);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_recipe(read_file(path, 1 << 20), path.string(), overrides);
}

std::string recipe_toml(const Recipe& recipe) {
  Recipe copy = recipe;
  const auto line = [](const ConfigKey& key) { return fmt::format("{} = {}\n", key.name, key.toml()); };
  std::map<std::string, std::string> tables;  // what stands in each
  for (const ConfigKey& key : recipe_keys(copy)) tables[key.table] += line(key);
  std::string text = tables[""];
  for (const auto& [name, lines] : tables) {
    if (!name.empty()) text += fmt::format("\n[{}]\n{}", name, lines);
  }
  for (size_t i = 1; i < copy.guidance.teachers.size(); ++i) {
    text += fmt::format("\n[[{}]]\n", kTeachersTable);
    for (const ConfigKey& key : teacher_keys(copy.guidance.teachers[i])) text += line(key);
  }
  return text;
}

}  // namespace dgl
