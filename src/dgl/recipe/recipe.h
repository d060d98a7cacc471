#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dgl/base/cloned.h"
#include "dgl/base/config_key.h"
#include "dgl/data/augmentation.h"
#include "dgl/families/family.h"
#include "dgl/guidance/discriminator_guidance.h"

namespace dgl {

/// A weight that the program chooses by how the student starts (resolve_start() in training/student_start.h).
constexpr double kChosenWeight = -1;

/// A teacher of a recipe.
struct TeacherRecipe {
  std::string file;  ///< a model with a discriminator
  double lambda = kChosenWeight;
  std::string schedule = "constant";  ///< of lambda over stage 2 (guidance/schedule.h)
  std::string weight = "uniform";     ///< of the teacher (guidance/weight.h)
  std::string loss;                   ///< that the teacher was trained with; empty: its family's
  double pair = kChosenWeight;        ///< weight of the distance to its generator's images (guidance/pair_term.h)
  std::string pair_schedule = "constant", pair_distance = "unit", pair_weight = "uniform";
  double match = 0;  ///< weight of the distance to real images, as sets (guidance/matching_term.h)
  std::string match_schedule = "constant", match_distance = "mmd";
  double pair_judge = 0;  ///< weight of what its discriminators of pairs say (guidance/pair_judge_term.h)

  /// Whether it tells the student's generator anything.
  bool guides() const { return lambda > 0 || pair > 0 || match > 0 || pair_judge > 0; }
};

/// What a recipe says of teachers and of the two stages.
struct GuidanceRecipe {
  /// The first is the one that the student is compared with; there always is one, which a run of `dgl train` does not
  /// use.
  std::vector<TeacherRecipe> teachers{1};
  int64_t interval = 1;  ///< teachers are asked in every interval-th step, above 1 in an optimizer step of their own
  DiscriminatorGuidance for_discriminator;  ///< teacher_data, duality_gap, smooth_labels, align
  bool train_teacher = false;               ///< whether the first teacher's discriminator continues to learn
  int64_t train_teacher_interval = 1;       ///< in every so many steps
  bool resize = false;                      ///< whether images are brought to a teacher's size
  std::string stage1 = "auto";              ///< what stage 1 is: alone, distill, or auto
  std::string distill_distance = "unit";    ///< of guidance/pair_term.h
  double distill_lr = 0;                    ///< learning rate there; 0: four times that of training
  double stage1_kimg = 100, stage2_kimg = 100;
  bool keep_optimizer = false;  ///< whether stage 2 continues with stage 1's Adam
};

/// How a run was started, for `dgl resume`.
struct RunRecipe {
  std::string command;     ///< train, compress or boost
  std::string data;        ///< packed set of the first data domain
  std::string data_b;      ///< of the second, for a family that has two
  std::string from_model;  ///< that `dgl train` starts from
  std::string from_stage1, features, judge_features, held_out_judge, test, test_b, styles, lpips, device = "auto";
  bool from_teacher = false;
  int64_t threads = 0;
  std::string fingerprint;  ///< of the packed sets (training/continuation.h); "" of a run that an earlier version began
  std::string budget;       ///< of the student's generators, and the width that keeps within it (training/budget.h)
  std::string changes;      ///< what `dgl resume` changed, and when
};

/// Everything that decides a run, as a TOML file holds it; docs/recipe-keys.md lists the keys. Kimg are thousands of
/// real images shown to the discriminator.
struct Recipe {
  /// The defaults of a family. Throws Error that names `origin` for a family that is not known.
  explicit Recipe(const std::string& family = default_family(), const std::string& origin = "family");

  std::string family;
  Cloned<FamilySettings> network;  ///< the family's own keys, of [network] and [training]

  // [student]
  std::string width = "1/2";        ///< of the generator's feature maps
  std::string discriminator_width;  ///< of the student's discriminator; empty: full; "generator": as the generator's
  bool narrow_constant = false;     ///< whether a StyleGAN2's 4 x 4 constant input narrows too
  std::string init = "auto";        ///< of its generators: random, teacher for the teacher's channels, or auto
  std::string discriminator_init = "auto";  ///< of its discriminators
  std::string keep_channels = "norm";       ///< which channels of the teacher (nn/inherit.h)
  int64_t discriminator_freeze = 0;         ///< blocks of its discriminators, from the image on, that do not train

  // [training]
  int64_t batch = 32;
  int64_t shards = 0;  ///< shards that a batch is split into, over all processes; 0: one per thread
  double kimg = 300;
  double checkpoint_kimg = 10;  ///< interval of checkpoints, log lines, sample grids and evaluations
  int64_t checkpoint_keep = 2;  ///< newest checkpoints that stay on the disk; the ends of stages always do
  bool tensorboard = true;      ///< whether log lines and sample grids go into event files for TensorBoard too
  std::string precision = "fp32";
  bool cuda_graphs = false;   ///< whether a GPU's work for a phase is recorded and launched as a whole
  std::string cpu = "exact";  ///< how a processor computes while it trains in bf16: as exactly, or as fast, as it can
  std::string gpu = "exact";  ///< how GPUs compute while they train: reproducibly, or as fast as they can
  double lr = 0.0025;
  double lr_discriminator = 0;           ///< 0: lr
  std::string lr_schedule = "constant";  ///< factor of all rates over the images of the run (guidance/schedule.h)
  double lr_warmup_kimg = 0;             ///< within which the rates rise from 0, at first
  int64_t accumulations = 1;             ///< micro-batches of a batch, which go through the networks one after another
  int64_t batch_generator = 0;  ///< images of a phase that trains generators alone, in micro-batches as large; 0: batch
  double beta1 = 0, beta2 = 0.99, epsilon = 1e-8;
  double clip = 0;  ///< largest norm of a phase's gradient; 0: any
  bool mirror = false;
  std::string augment;        ///< of what discriminators see (data/diff_augment.h); empty: nothing
  double augment_p = 1;       ///< probability of each operation on an image
  double ada_target = 0;      ///< above 0: it adapts to this E sign(D(x)) (data/augmentation.h)
  double ada_kimg = 500;      ///< within which it can go from 0 to 1
  double ema_kimg = 10;       ///< half-life of the average
  double ema_ramp = 0.05;     ///< the half-life is at most this share of the images seen; 0: no limit
  double ema_start_kimg = 0;  ///< until then the average is the network itself
  int64_t seed = 0;
  std::string on_divergence = "error";  ///< error, or restore: go back to the last checkpoint with other random numbers
  double loss_limit = 1e4;              ///< a loss above it counts as exploded

  GuidanceRecipe guidance;  // [guidance]

  // [evaluation]
  std::string feature_file;         ///< a feature network; empty: no distance is tracked
  std::string judge_feature_file;   ///< another one, which only measures the result; empty: none
  std::string held_out_judge_file;  ///< a model whose discriminator only judges the result; empty: none
  std::string test_file;            ///< packed set that distances are to, in place of the training set; empty: none
  std::string test_b_file;          ///< the same of the second data domain; empty: none
  bool partners = false;   ///< whether image i of one of these is the right translation of image i of the other
  std::string style_file;  ///< a classifier that tells the domains apart; empty: none
  std::string lpips_file;  ///< weights of LPIPS (losses/lpips.h), which compares reconstructions; empty: none
  int64_t samples = 5000;  ///< generated images per evaluation
  int64_t final_samples = 10000;

  bool reference = false;  ///< [ops]: plain reference operations in place of the fast ones

  RunRecipe run;  // [run]

  const Family& family_info() const { return find_family(family, "family"); }
  /// The first teacher.
  TeacherRecipe& teacher() { return guidance.teachers[0]; }
  const TeacherRecipe& teacher() const { return guidance.teachers[0]; }
  /// Whether a student is trained under a teacher, rather than a model by itself.
  bool has_student() const { return !run.command.empty() && run.command != "train"; }
  /// Packed sets, one per data domain.
  std::vector<std::string> data_files() const;
  AugmentationOptions augmentation() const;
  /// The files that its keys name, those of [evaluation] first. Teachers and data sets are not among them.
  std::vector<NamedFile> files();
  /// Enters the files that the recipe names, and those of teachers, into [run] as `path_of` says where they are.
  void locate_files(const std::function<std::string(const std::string& file)>& path_of);
  /// What a stage 1 depends on: the recipe with all that only stage 2 reads set to its default and a lambda of 0. Arms
  /// of a study with equal ones share a stage 1.
  Recipe stage1() const;
  /// The recipe with a student and its start as they are by default, for a model's own recipe to make a student of it.
  Recipe with_default_start() const;
  /// The recipe without its [run] table and teachers: what another run can start from.
  Recipe without_run() const;
};

/// Reads a recipe and applies `overrides` ("training.batch=16") on top. Throws Error that names file and key for a key
/// that neither recipes nor the family know, a value of the wrong type or out of range.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});
/// The same from TOML text; `origin` stands for the file's name in messages.
Recipe parse_recipe(const std::string& text, const std::string& origin, const std::vector<std::string>& overrides = {});

/// The recipe as TOML, every key present; parse_recipe() gives it back.
std::string recipe_toml(const Recipe& recipe);

/// The keys of all recipes, and then the family's own, bound to `recipe`; without those of further teachers.
std::vector<ConfigKey> recipe_keys(Recipe& recipe);
/// The keys of a [[guidance.teachers]] table.
std::vector<ConfigKey> teacher_keys(TeacherRecipe& teacher);

}  // namespace dgl
