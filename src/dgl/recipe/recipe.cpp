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
#include "dgl/guidance/matching_term.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/guidance/schedule.h"
#include "dgl/guidance/weight.h"
#include "dgl/losses/adversarial.h"
#include "dgl/nn/inherit.h"

namespace dgl {

namespace {

constexpr double kMany = 1e9;
constexpr const char* kTeachers = "guidance.teachers";

std::vector<std::string> loss_choices() {
  std::vector<std::string> names = adversarial_loss_names();
  names.insert(names.begin(), "");
  return names;
}

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
    fail("{}: {}: expected [[{}]]", origin, kTeachers, kTeachers);
  }
  std::vector<TeacherRecipe> teachers;
  for (const nlohmann::json& item : list) {
    TeacherRecipe& teacher = teachers.emplace_back();
    const auto keys = teacher_keys(teacher);
    for (const auto& [name, value] : item.items()) {
      const ConfigKey* key = find_key(keys, kTeachers, name);
      if (!key) unknown_key(keys, family, kTeachers, name, origin);
      key->assign(value, origin);
    }
    if (teacher.file.empty()) fail("{}: {}: a teacher without a file", origin, kTeachers);
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

std::vector<ConfigKey> recipe_keys(Recipe& r) {
  std::vector<std::string> family_names;
  for (const Family* family : families()) family_names.push_back(family->name());
  GuidanceRecipe& g = r.guidance;
  TeacherRecipe& teacher = r.teacher();
  std::vector<ConfigKey> keys = {
      {"", "family", &r.family, "Family of the networks; classifier for a feature network", 0, 0, family_names},
      {"student", "width", &r.width, "Share of [network]'s feature maps that the student keeps: 1, 1/2, 1/4, 3/8, …"},
      {"student", "discriminator_width", &r.discriminator_width,
       "Width of the student's own discriminator; empty: full, which costs time in training and nothing in what is "
       "shipped; "
       "generator: that of its generator; or a width"},
      {"student", "narrow_constant", &r.narrow_constant, "Whether a StyleGAN2's 4 x 4 constant input narrows too"},
      {"student",
       "init",
       &r.init,
       "What the student's generator starts from: random weights; teacher, the channels that it keeps of its "
       "teacher's; "
       "auto, the teacher's where they fit in `dgl compress`, else random",
       0,
       0,
       {"auto", "random", "teacher"}},
      {"student",
       "discriminator_init",
       &r.discriminator_init,
       "What the student's own discriminator starts from: random weights; teacher, its teacher's, narrowed if it is "
       "narrower; auto, the teacher's if the generator starts there and it fits, else random",
       0,
       0,
       {"auto", "random", "teacher"}},
      {"student", "keep_channels", &r.keep_channels,
       "Which channels a student that starts from its teacher keeps: strided, evenly spaced; norm, those with the "
       "largest weights behind them",
       0, 0, channel_rule_names()},
      {"student", "discriminator_freeze", &r.discriminator_freeze,
       "Blocks of the student's own discriminator, from the image on, that stay as they start (FreezeD)", 0, 64},
      {"training", "batch", &r.batch, "Images of a step", 1, 65536},
      {"training", "shards", &r.shards,
       "Shards that a batch is split into over all processes, each worked on by a thread; 0: one per thread. Results "
       "depend "
       "on it to rounding and in the random numbers drawn",
       0, 1024},
      {"training", "kimg", &r.kimg, "Length of `dgl train`", 0, kMany},
      {"training", "checkpoint_kimg", &r.checkpoint_kimg,
       "Interval of checkpoints, log lines, sample grids and evaluations; a fraction is allowed", 1e-3, kMany},
      {"training", "checkpoint_keep", &r.checkpoint_keep,
       "Newest checkpoints that stay; the end of each stage always does", 1, 1000},
      {"training",
       "precision",
       &r.precision,
       "Type of feature maps and convolutions; weights, optimizer, statistics, images, scores and losses stay fp32",
       0,
       0,
       {"fp32", "bf16"}},
      {"training", "lr", &r.lr, "Learning rate of Adam, before the correction for lazy regularization", 0, 1},
      {"training", "lr_discriminator", &r.lr_discriminator, "Learning rate of discriminators; 0: lr", 0, 1},
      {"training", "lr_schedule", &r.lr_schedule,
       "Factor of all learning rates over the images of each stage, in the words of guidance.schedule; decay:0.1 "
       "falls to a tenth"},
      {"training", "lr_warmup_kimg", &r.lr_warmup_kimg,
       "Thousands of images in which all learning rates rise from 0, in a straight line", 0, kMany},
      {"training", "accumulations", &r.accumulations,
       "Equal parts of a batch that go through the networks one after another; batch statistics are taken over one", 1,
       4096},
      {"training", "batch_generator", &r.batch_generator,
       "Images that a generator's phases work on, in parts as large as batch / accumulations; 0: batch", 0, 65536},
      {"training", "beta1", &r.beta1, "Adam", 0, 0.999999},
      {"training", "beta2", &r.beta2, "Adam", 0, 0.999999},
      {"training", "epsilon", &r.epsilon, "Adam", 0, 1},
      {"training", "clip", &r.clip,
       "Largest norm of the gradient of all that a phase trains together; a longer one is scaled down; 0: no limit", 0,
       1e9},
      {"training", "mirror", &r.mirror, "Flips real images left to right at random"},
      {"training", "augment", &r.augment,
       "What is changed of every image before a discriminator sees it (DiffAugment): color, translation, cutout, with "
       "commas "
       "between"},
      {"training", "augment_p", &r.augment_p, "Probability of each of these on an image", 0, 1},
      {"training", "ada_target", &r.ada_target,
       "Above 0, the probability adapts as in ADA: up while the mean sign of the discriminator's scores of real images "
       "is "
       "above the target (0.6 there), else down",
       0, 1},
      {"training", "ada_kimg", &r.ada_kimg, "Within which the adaptive probability can go from 0 to 1", 1e-3, kMany},
      {"training", "ema_kimg", &r.ema_kimg, "Half-life of averages", 0, kMany},
      {"training", "ema_ramp", &r.ema_ramp, "The half-life is at most this share of the images seen; 0: no limit", 0,
       1},
      {"training", "ema_start_kimg", &r.ema_start_kimg, "Until then an average is the network itself", 0, kMany},
      {"training", "seed", &r.seed, "Random seed", 0, 9007199254740992.0},
      {"training",
       "on_divergence",
       &r.on_divergence,
       "If a loss or gradient is not finite, or a loss is above loss_limit: error ends the run, restore goes back to "
       "the last "
       "checkpoint with other random numbers, three times at most",
       0,
       0,
       {"error", "restore"}},
      {"training", "loss_limit", &r.loss_limit, "Largest loss that does not count as exploded", 1, 1e30},
      {"guidance", "lambda", &teacher.lambda,
       "Weight of the teacher's term in stage 2; -1: 0 for a generator that starts as a part of its teacher's and for "
       "a student that reconstructs, else 0.1",
       kChosenWeight, 1e6},
      {"guidance", "schedule", &teacher.schedule,
       "Lambda over stage 2: constant; linear:S or cosine:S, a ramp over the first share S; decay:R, down to R times "
       "lambda; "
       "piecewise:P=F,P=F, factor F at progress P"},
      {"guidance", "weight", &teacher.weight,
       "Per-image weight of the teacher: uniform; score, -s if its score s is below 0; gradient:DECAY,BOUND, which "
       "scales its "
       "gradient on the image to that of the student's own loss; last_layer:DECAY,BOUND, the same with gradients on "
       "the weight of the generator's last layer; confidence:DECAY, how well it tells real from fake; "
       "below_real:DECAY, 1 for images that look less real to it than real ones do, else 0"},
      {"guidance", "pair", &teacher.pair,
       "Weight of the distance of the student's images from those that they stand for: its teacher generator's of the "
       "same latents, or those that it reconstructs; -1: 3 for a generator that starts as a part of its teacher's, 0.5 "
       "with the weight gradient for a student that reconstructs, else 0",
       kChosenWeight, 1e6},
      {"guidance", "pair_schedule", &teacher.pair_schedule, "Its schedule over stage 2, as guidance.schedule"},
      {"guidance", "pair_distance", &teacher.pair_distance,
       "That distance: unit or l1, of the teacher discriminator's features, scaled to length 1 or as they are; pixel, "
       "of the images themselves",
       0, 0, pair_term_distances()},
      {"guidance", "pair_weight", &teacher.pair_weight,
       "Balance of that distance with the student's own loss: uniform, none; gradient:DECAY,BOUND or "
       "last_layer:DECAY,BOUND, which scale its gradient on the image, or on the weight of the generator's last layer, "
       "to the own loss's, so that guidance.pair is a share of it"},
      {"guidance", "match", &teacher.match,
       "Weight of the distance of the student's images, as a set, from real ones in the teacher discriminator's "
       "features",
       0, 1e6},
      {"guidance", "match_schedule", &teacher.match_schedule, "Its schedule over stage 2, as guidance.schedule"},
      {"guidance", "match_distance", &teacher.match_distance,
       "That distance: mmd, the maximum mean discrepancy of batches; frechet, of Gaussians with running moments", 0, 0,
       matching_distance_names()},
      {"guidance", "logit_prior", &g.for_discriminator.logit_prior,
       "c: the student's losses take the sum of its own discriminator's score and c · the first teacher's", 0, 1e6},
      {"guidance", "interval", &g.interval,
       "Teachers are asked in every interval-th step; above 1 their terms have an optimizer step of their own there, "
       "as "
       "lazy regularizers do",
       1, 1024},
      {"guidance", "loss", &teacher.loss, "Loss that the teacher was trained with; empty: its family's", 0, 0,
       loss_choices()},
      {"guidance", "resize", &g.resize, "Brings images to a teacher's resolution and channels if they differ"},
      {"guidance", "teacher_data", &g.for_discriminator.teacher_data,
       "Probability that a batch of real images is one of the teacher's generator (the authors: 0.5)", 0, 1},
      {"guidance", "duality_gap", &g.for_discriminator.duality_gap,
       "c: the student's discriminator also takes images of the teacher's generator for fake, c · loss (the authors: "
       "0.1)",
       0, 1e6},
      {"guidance", "smooth_labels", &g.for_discriminator.smooth_labels,
       "Weights the discriminator's losses by the teacher's sigmoid(s) of real images and 1 - sigmoid(s) of fakes"},
      {"guidance", "align", &g.for_discriminator.align,
       "c: the student's discriminator also minimizes c · (its score - the teacher's)²", 0, 1e6},
      {"guidance", "align_probability", &g.for_discriminator.align_probability,
       "c: it also minimizes c · the cross-entropy of its probability to the teacher's, as the authors' does", 0, 1e6},
      {"guidance", "align_features", &g.for_discriminator.align_features,
       "c: it also minimizes c · the mean absolute difference of its features from the teacher's at the last three "
       "resolutions, as the authors' does; both are equally wide",
       0, 1e6},
      {"guidance", "train_teacher", &g.train_teacher,
       "The first teacher's discriminator continues to learn, from the same real images and the student's fakes, by "
       "its "
       "family's own loss"},
      {"guidance", "train_teacher_interval", &g.train_teacher_interval, "It learns in every so many steps, if it does",
       1, 1024},
      {"guidance",
       "stage1",
       &g.stage1,
       "What stage 1 is: alone, the student's own training without guidance; distill, its generator alone learns to "
       "make "
       "its teacher's images of the same latents, without real images; auto, distill for a generator that starts as a "
       "part of its teacher's, else alone",
       0,
       0,
       {"auto", "alone", "distill"}},
      {"guidance", "distill_distance", &g.distill_distance,
       "What stage 1 minimizes if it distills, in the words of pair_distance", 0, 0, pair_term_distances()},
      {"guidance", "distill_lr", &g.distill_lr,
       "Learning rate of a stage 1 that distills, which bears a higher one; 0: four times training.lr", 0, 1},
      {"guidance", "stage1_kimg", &g.stage1_kimg,
       "Length of stage 1, without guidance; in distillation, of generated images", 0, kMany},
      {"guidance", "stage2_kimg", &g.stage2_kimg, "Length of stage 2, guided", 0, kMany},
      {"guidance", "keep_optimizer", &g.keep_optimizer,
       "Whether stage 2 continues with stage 1's Adam (the authors start it afresh)"},
      {"evaluation", "features", &r.feature_file, "Feature network that the distance is tracked with; empty: none"},
      {"evaluation", "judge_features", &r.judge_feature_file,
       "Another feature network, which only measures the result and the teacher at the end of a run and which no term "
       "of training may use; empty: none"},
      {"evaluation", "held_out_judge", &r.held_out_judge_file,
       "A model whose discriminator no term of training may use: how well it tells real images from the student's is "
       "shown beside the teachers' at the start and the end of stage 2; empty: none"},
      {"evaluation", "test", &r.test_file,
       "Packed set that was held out of training, which distances are to and whose images are reconstructed; empty: "
       "the training set"},
      {"evaluation", "samples", &r.samples, "Generated images per evaluation", 2, 1e7},
      {"evaluation", "final_samples", &r.final_samples, "Generated images for the result, drawn with other latents", 2,
       1e7},
      {"ops", "reference", &r.reference, "Plain reference operations in place of the fast ones"},
      {"run",
       "command",
       &r.run.command,
       "Written by the program for `dgl resume`",
       0,
       0,
       {"", "train", "compress", "boost"}},
      {"run", "data", &r.run.data, ""},
      {"run", "data_b", &r.run.data_b, ""},
      {"run", "teacher", &teacher.file, ""},
      {"run", "from_stage1", &r.run.from_stage1, ""},
      {"run", "features", &r.run.features, ""},
      {"run", "judge_features", &r.run.judge_features, ""},
      {"run", "held_out_judge", &r.run.held_out_judge, ""},
      {"run", "test", &r.run.test, ""},
      {"run", "from_teacher", &r.run.from_teacher, ""},
      {"run", "device", &r.run.device, ""},
      {"run", "threads", &r.run.threads, "", 0, 1024},
  };
  for (ConfigKey& key : r.family_info().keys(*r.network)) keys.push_back(std::move(key));
  return keys;
}

std::vector<ConfigKey> teacher_keys(TeacherRecipe& t) {
  return {{kTeachers, "file", &t.file, "A model with a discriminator, of any width"},
          {kTeachers, "lambda", &t.lambda, "As in [guidance]; -1: 0.1", kChosenWeight, 1e6},
          {kTeachers, "schedule", &t.schedule, "As in [guidance]"},
          {kTeachers, "weight", &t.weight, "As in [guidance]"},
          {kTeachers, "loss", &t.loss, "As in [guidance]", 0, 0, loss_choices()},
          {kTeachers, "pair", &t.pair, "As in [guidance]; -1: 0", kChosenWeight, 1e6},
          {kTeachers, "pair_schedule", &t.pair_schedule, "As in [guidance]"},
          {kTeachers, "pair_distance", &t.pair_distance, "As in [guidance]", 0, 0, pair_term_distances()},
          {kTeachers, "pair_weight", &t.pair_weight, "As in [guidance]"},
          {kTeachers, "match", &t.match, "As in [guidance]", 0, 1e6},
          {kTeachers, "match_schedule", &t.match_schedule, "As in [guidance]"},
          {kTeachers, "match_distance", &t.match_distance, "As in [guidance]", 0, 0, matching_distance_names()}};
}

Recipe::Recipe(const std::string& name, const std::string& origin)
    : family(name), network(find_family(name, origin).default_settings()) {}

std::vector<std::string> Recipe::data_files() const {
  std::vector<std::string> files{run.data};
  if (family_info().domains().size() > 1) files.push_back(run.data_b);
  return files;
}

void Recipe::locate_files(const std::function<std::string(const std::string&)>& path_of) {
  run.features = path_of(feature_file);
  run.judge_features = path_of(judge_feature_file);
  run.held_out_judge = path_of(held_out_judge_file);
  run.test = path_of(test_file);
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
  const Recipe defaults(family);
  Recipe recipe = *this;
  recipe.width = defaults.width;
  recipe.discriminator_width = defaults.discriminator_width;
  recipe.narrow_constant = defaults.narrow_constant;
  recipe.init = defaults.init;
  recipe.discriminator_init = defaults.discriminator_init;
  recipe.keep_channels = defaults.keep_channels;
  recipe.discriminator_freeze = defaults.discriminator_freeze;
  recipe.guidance.stage1 = defaults.guidance.stage1;
  return recipe;
}

Recipe Recipe::without_run() const {
  Recipe recipe = *this;
  recipe.run = {};
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
      if (name + "." + inner == kTeachers) {
        more_teachers = read_teachers(value, family, origin);
      } else {
        assign(name, inner, value);
      }
    }
  }
  for (const Override& o : overrides) {
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
    text += fmt::format("\n[[{}]]\n", kTeachers);
    for (const ConfigKey& key : teacher_keys(copy.guidance.teachers[i])) text += line(key);
  }
  return text;
}

}  // namespace dgl
