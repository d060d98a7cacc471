#include "dgl/recipe/recipe.h"

#include <cmath>
#include <sstream>
#include <variant>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/toml_file.h"
#include "dgl/data/diff_augment.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"

namespace dgl {

namespace {

/// One key of a recipe: where it stands, and what it may hold.
struct Key {
  const char* table;  // "" for the top
  const char* name;
  std::variant<int64_t*, double*, bool*, std::string*> value;
  double low = 0, high = 0;               // of numbers, both allowed
  std::vector<std::string> choices = {};  // of words; empty: any
};

std::vector<Key> keys_of(Recipe& r) {
  constexpr double kMany = 1e9;
  auto& n = r.network;
  return {
      {"", "family", &r.family, 0, 0, {"stylegan2", "biggan", "classifier"}},
      {"network", "resolution", &n.resolution, 8, 1024},
      {"network", "img_channels", &n.img_channels, 1, 3},
      {"network", "channel_base", &n.channel_base, 1, 1 << 24},
      {"network", "channel_max", &n.channel_max, 1, 4096},
      {"network", "z_dim", &n.z_dim, 1, 4096},
      {"network", "w_dim", &n.w_dim, 1, 4096},
      {"network", "mapping_layers", &n.mapping_layers, 1, 64},
      {"network", "minibatch_std_group", &n.minibatch_std_group, 1, 4096},
      {"network", "features", &r.features, 2, 4096},
      {"network", "conditional", &r.conditional},
      {"network", "classes", &r.classes, 0, 100000},
      {"network", "label_embed", &n.label_embed, 0, 4096},
      {"network", "label_layers", &n.label_layers, 1, 64},
      {"network", "channels", &r.channels, 1, 1024},
      {"network", "attention", &r.attention, 0, 256},
      {"network", "hierarchical", &r.hierarchical},
      {"network", "shared_dim", &r.shared_dim, 0, 4096},
      {"network", "init", &r.init, 0, 0, {"orthogonal", "normal"}},
      {"network", "distance", &r.distance},
      {"student", "width", &r.width},
      {"student", "discriminator_width", &r.discriminator_width},
      {"student", "narrow_constant", &r.narrow_constant},
      {"training", "batch", &r.batch, 1, 65536},
      {"training", "shards", &r.shards, 0, 1024},
      {"training", "kimg", &r.kimg, 0, kMany},
      {"training", "checkpoint_kimg", &r.checkpoint_kimg, 1e-3, kMany},
      {"training", "checkpoint_keep", &r.checkpoint_keep, 1, 1000},
      {"training", "precision", &r.precision, 0, 0, {"fp32", "bf16"}},
      {"training", "lr", &r.lr, 0, 1},
      {"training", "lr_discriminator", &r.lr_discriminator, 0, 1},
      {"training", "d_steps", &r.d_steps, 1, 64},
      {"training", "accumulations", &r.accumulations, 1, 4096},
      {"training", "orthogonal", &r.orthogonal, 0, 1e6},
      {"training", "beta1", &r.beta1, 0, 0.999999},
      {"training", "beta2", &r.beta2, 0, 0.999999},
      {"training", "epsilon", &r.epsilon, 0, 1},
      {"training", "r1_gamma", &r.r1_gamma, 0, 1e6},
      {"training", "r1_interval", &r.r1_interval, 1, 1024},
      {"training", "pl_weight", &r.pl_weight, 0, 1e6},
      {"training", "pl_decay", &r.pl_decay, 0, 1},
      {"training", "pl_interval", &r.pl_interval, 1, 1024},
      {"training", "pl_batch_shrink", &r.pl_batch_shrink, 1, 1024},
      {"training", "style_mixing", &r.style_mixing, 0, 1},
      {"training", "mirror", &r.mirror},
      {"training", "augment", &r.augment},
      {"training", "augment_p", &r.augment_p, 0, 1},
      {"training", "ada_target", &r.ada_target, 0, 1},
      {"training", "ada_kimg", &r.ada_kimg, 1e-3, kMany},
      {"training", "ema_kimg", &r.ema_kimg, 0, kMany},
      {"training", "ema_ramp", &r.ema_ramp, 0, 1},
      {"training", "ema_start_kimg", &r.ema_start_kimg, 0, kMany},
      {"training", "seed", &r.seed, 0, 9007199254740992.0},
      {"training", "on_divergence", &r.on_divergence, 0, 0, {"error", "restore"}},
      {"training", "loss_limit", &r.loss_limit, 1, 1e30},
      {"training", "epochs", &r.epochs, 1, 100000},
      {"guidance", "lambda", &r.guidance.lambda, 0, 1e6},
      {"guidance", "schedule", &r.guidance.schedule},
      {"guidance", "weight", &r.guidance.weight},
      {"guidance", "interval", &r.guidance.interval, 1, 1024},
      {"guidance", "loss", &r.guidance.loss, 0, 0, {"", "logistic", "hinge"}},
      {"guidance", "resize", &r.resize},
      {"guidance", "teacher_data", &r.guidance.for_discriminator.teacher_data, 0, 1},
      {"guidance", "duality_gap", &r.guidance.for_discriminator.duality_gap, 0, 1e6},
      {"guidance", "smooth_labels", &r.guidance.for_discriminator.smooth_labels},
      {"guidance", "align", &r.guidance.for_discriminator.align, 0, 1e6},
      {"guidance", "train_teacher", &r.guidance.train_teacher},
      {"guidance", "stage1_kimg", &r.stage1_kimg, 0, kMany},
      {"guidance", "stage2_kimg", &r.stage2_kimg, 0, kMany},
      {"guidance", "keep_optimizer", &r.keep_optimizer},
      {"evaluation", "features", &r.feature_file},
      {"evaluation", "samples", &r.samples, 2, 1e7},
      {"evaluation", "final_samples", &r.final_samples, 2, 1e7},
      {"ops", "reference", &r.reference},
      {"run", "command", &r.command, 0, 0, {"", "train", "compress", "boost"}},
      {"run", "data", &r.data},
      {"run", "teacher", &r.teacher},
      {"run", "from_stage1", &r.from_stage1},
      {"run", "features", &r.run_features},
      {"run", "from_teacher", &r.from_teacher},
      {"run", "device", &r.device},
      {"run", "threads", &r.threads, 0, 1024},
  };
}

std::vector<Key> keys_of(TeacherRecipe& t) {
  constexpr const char* kTable = "guidance.teachers";
  return {{kTable, "file", &t.file},
          {kTable, "lambda", &t.lambda, 0, 1e6},
          {kTable, "schedule", &t.schedule},
          {kTable, "weight", &t.weight},
          {kTable, "loss", &t.loss, 0, 0, {"", "logistic", "hinge"}}};
}

std::string full_name(const Key& key) {
  return *key.table ? std::string(key.table) + "." + key.name : std::string(key.name);
}

void assign(const Key& key, const toml::node& node, const std::string& origin) {
  const std::string name = full_name(key);
  if (auto* text = std::get_if<std::string*>(&key.value)) {
    const auto value = node.value_exact<std::string>();
    if (!value) fail("{}: {}: expected a text in quotes", origin, name);
    if (!key.choices.empty() && std::find(key.choices.begin(), key.choices.end(), *value) == key.choices.end()) {
      fail("{}: {} = \"{}\": expected {}", origin, name, *value, fmt::join(key.choices, " or "));
    }
    **text = *value;
  } else if (auto* flag = std::get_if<bool*>(&key.value)) {
    const auto value = node.value_exact<bool>();
    if (!value) fail("{}: {}: expected true or false", origin, name);
    **flag = *value;
  } else if (auto* whole = std::get_if<int64_t*>(&key.value)) {
    const auto value = node.value_exact<int64_t>();
    if (!value) fail("{}: {}: expected a whole number", origin, name);
    if (static_cast<double>(*value) < key.low || static_cast<double>(*value) > key.high) {
      fail("{}: {} = {}: expected {} to {}", origin, name, *value, key.low, key.high);
    }
    **whole = *value;
  } else {
    const auto value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value) fail("{}: {}: expected a number", origin, name);
    if (!(*value >= key.low && *value <= key.high)) {
      fail("{}: {} = {}: expected {} to {}", origin, name, *value, key.low, key.high);
    }
    *std::get<double*>(key.value) = *value;
  }
}

void assign_by_name(std::vector<Key>& keys, const std::string& table, const std::string& name, const toml::node& node,
                    const std::string& origin) {
  for (const Key& key : keys) {
    if (table == key.table && name == key.name) return assign(key, node, origin);
  }
  fail("{}: {} is not a key of a recipe; docs/recipes.md lists them", origin,
       table.empty() ? name : table + "." + name);
}

std::vector<TeacherRecipe> read_teachers(const toml::node& node, const std::string& origin) {
  if (!node.is_array_of_tables()) fail("{}: guidance.teachers: expected [[guidance.teachers]]", origin);
  std::vector<TeacherRecipe> teachers;
  for (const toml::node& item : *node.as_array()) {
    TeacherRecipe& teacher = teachers.emplace_back();
    auto keys = keys_of(teacher);
    for (const auto& [name, value] : *item.as_table()) {
      assign_by_name(keys, "guidance.teachers", std::string(name.str()), value, origin);
    }
    if (teacher.file.empty()) fail("{}: guidance.teachers: a teacher without a file", origin);
  }
  return teachers;
}

void apply(const toml::table& top, Recipe& recipe, std::vector<Key>& keys, const std::string& origin) {
  for (const auto& [name, node] : top) {
    const auto* table = node.as_table();
    if (!table) {
      assign_by_name(keys, "", std::string(name.str()), node, origin);
      continue;
    }
    for (const auto& [inner, value] : *table) {
      if (name.str() == "guidance" && inner.str() == "teachers") {
        recipe.guidance.teachers = read_teachers(value, origin);
        continue;
      }
      assign_by_name(keys, std::string(name.str()), std::string(inner.str()), value, origin);
    }
  }
}

/// "training.batch=16". A text needs no quotes: what is no TOML by itself, or any value of a key that takes a text.
void apply_override(const std::string& text, std::vector<Key>& keys) {
  const std::string origin = "--set " + text;
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) fail("{}: expected KEY=VALUE", origin);
  const std::string name = text.substr(0, equals), value = text.substr(equals + 1);
  const size_t dot = name.find('.');
  const std::string table = dot == std::string::npos ? "" : name.substr(0, dot);
  const std::string inner = dot == std::string::npos ? name : name.substr(dot + 1);
  const bool takes_text = std::any_of(keys.begin(), keys.end(), [&](const Key& key) {
    return table == key.table && inner == key.name && std::holds_alternative<std::string*>(key.value);
  });
  toml::table top;
  try {
    top = toml::parse("value = " + value);
  } catch (const toml::parse_error&) {
    top.insert("value", value);
  }
  if (takes_text && !top.get("value")->is_string()) top.insert_or_assign("value", value);
  assign_by_name(keys, table, inner, *top.get("value"), origin);
}

void check(const Recipe& r, const std::string& origin) {
  const int64_t resolution = r.network.resolution;
  if ((resolution & (resolution - 1)) != 0)
    fail("{}: network.resolution = {}: expected a power of two", origin, resolution);
  if (r.network.img_channels == 2) fail("{}: network.img_channels = 2: expected 1 (gray) or 3 (RGB)", origin);
  if (r.batch % r.accumulations != 0) {
    fail("{}: training.accumulations = {}: expected a divisor of training.batch = {}", origin, r.accumulations,
         r.batch);
  }
  if (r.family != "biggan" && r.d_steps != 1) {
    fail("{}: training.d_steps = {}: expected 1, since {} has one discriminator step each", origin, r.d_steps,
         r.family);
  }
  Rational::parse(r.width, origin + ": student.width");
  if (!r.discriminator_width.empty() && r.discriminator_width != "generator") {
    Rational::parse(r.discriminator_width, origin + ": student.discriminator_width");
  }
  DiffAugment::parse(r.augment, origin + ": training.augment");
  if (r.ada_target > 0 && r.augment.empty()) {
    fail("{}: training.ada_target = {}: expected training.augment to say what it adapts", origin, r.ada_target);
  }
  make_schedule(r.guidance.schedule, r.guidance.lambda, origin + ": guidance.schedule");
  make_weight(r.guidance.weight, origin + ": guidance.weight");
  for (const TeacherRecipe& teacher : r.guidance.teachers) {
    make_schedule(teacher.schedule, teacher.lambda, origin + ": guidance.teachers.schedule");
    make_weight(teacher.weight, origin + ": guidance.teachers.weight");
  }
}

}  // namespace

StyleGan2Settings Recipe::stylegan2() const {
  StyleGan2Settings settings = network;
  settings.classes = labels();
  return settings;
}

BigGanSettings Recipe::biggan() const {
  return {network.resolution, network.img_channels, network.z_dim, labels(), channels,
          attention,          hierarchical,         shared_dim};
}

Recipe parse_recipe(const std::string& text, const std::string& origin, const std::vector<std::string>& overrides) {
  Recipe recipe;
  auto keys = keys_of(recipe);
  apply(parse_toml(text, origin), recipe, keys, origin);
  for (const auto& override_text : overrides) apply_override(override_text, keys);
  if (recipe.family == "biggan") recipe.conditional = true;
  check(recipe, origin);
  return recipe;
}

Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  return parse_recipe(read_file(path, 1 << 20), path.string(), overrides);
}

Recipe without_run(const Recipe& recipe) {
  Recipe copy = recipe;
  const Recipe fresh;
  copy.command = fresh.command;
  copy.data = fresh.data;
  copy.teacher = fresh.teacher;
  copy.from_stage1 = fresh.from_stage1;
  copy.run_features = fresh.run_features;
  copy.device = fresh.device;
  copy.from_teacher = fresh.from_teacher;
  copy.threads = fresh.threads;
  copy.guidance.teachers.clear();
  copy.shards = fresh.shards;
  return copy;
}

std::string recipe_toml(const Recipe& recipe) {
  Recipe copy = recipe;
  // toml++ as Debian builds it writes seventeen digits of every number, 0.3 as 0.29999999999999999.
  const auto line = [](const Key& key) {
    return std::visit(
        [&](auto* value) {
          using T = std::decay_t<decltype(*value)>;
          std::ostringstream text;
          if constexpr (std::is_same_v<T, double>) {
            const std::string digits = fmt::format("{}", *value);
            text << digits << (digits.find_first_of(".en") == std::string::npos ? ".0" : "");
          } else {
            text << toml::value<T>(*value);
          }
          return fmt::format("{} = {}\n", key.name, text.str());
        },
        key.value);
  };
  std::map<std::string, std::string> tables;  // what stands in each
  for (const Key& key : keys_of(copy)) tables[key.table] += line(key);
  std::string text = tables[""];
  for (const auto& [name, lines] : tables) {
    if (!name.empty()) text += fmt::format("\n[{}]\n{}", name, lines);
  }
  for (TeacherRecipe& teacher : copy.guidance.teachers) {
    text += "\n[[guidance.teachers]]\n";
    for (const Key& key : keys_of(teacher)) text += line(key);
  }
  return text;
}

}  // namespace dgl
