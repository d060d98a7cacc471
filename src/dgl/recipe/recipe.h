#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "dgl/families/biggan/networks.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/guidance/discriminator_guidance.h"

namespace dgl {

/// A further teacher of a recipe, beside the one that the student is compared with.
struct TeacherRecipe {
  std::string file;  ///< a model with a discriminator
  double lambda = 0.1;
  std::string schedule = "constant", weight = "uniform";
  std::string loss;  ///< as in GuidanceRecipe
};

/// What of a recipe stage 2 alone depends on; arms of a study that differ in nothing else share a stage 1.
struct GuidanceRecipe {
  double lambda = 0.1;
  std::string schedule = "constant";  ///< of lambda over stage 2 (guidance/schedule.h)
  std::string weight = "uniform";     ///< of the teacher (guidance/weight.h)
  int64_t interval = 1;               ///< in every so many steps teachers are asked, and then count so many times
  std::string loss;                   ///< that the teacher was trained with, logistic or hinge; empty: its family's
  std::vector<TeacherRecipe> teachers;
  DiscriminatorGuidance for_discriminator;  ///< teacher_data, duality_gap, smooth_labels, align
  bool train_teacher = false;  ///< whether the first teacher's discriminator goes on learning, from the student's fakes
};

/// Everything that decides a run, as a TOML file holds it; docs/recipes.md lists the keys. Kimg are thousands of real
/// images shown to the discriminator.
struct Recipe {
  std::string family = "stylegan2";  ///< stylegan2, biggan, or classifier for a feature network

  // [network]
  StyleGan2Settings network;
  bool conditional = false;         ///< whether generator and discriminator take labels
  int64_t classes = 0;              ///< labels of conditional networks or a classifier; 0: as many as the data has
  int64_t channels = 64;            ///< biggan: the unit of feature maps (nets/biggan.h)
  int64_t attention = 0;            ///< biggan: side of the feature maps with self-attention; 0: none
  bool hierarchical = true;         ///< biggan: a chunk of the latent for every block
  int64_t shared_dim = 128;         ///< biggan: length of the labels' shared embedding; 0: tables in every block
  std::string init = "orthogonal";  ///< biggan: orthogonal or normal
  int64_t features = 64;            ///< classifier: length of the feature vector
  std::string distance = "fd";      ///< classifier: what the Fréchet distance on its features is called

  // [student]
  std::string width = "1/2";        ///< of the generator's feature maps
  std::string discriminator_width;  ///< of the student's discriminator; empty: full; "generator": as the generator's
  bool narrow_constant = false;     ///< whether the 4 x 4 constant input narrows too

  // [training]
  int64_t batch = 32;
  int64_t shards =
      0;  ///< parts of a batch that are worked on at a time, each by a thread of a process; 0: as many as threads
  double kimg = 300;
  double checkpoint_kimg = 10;  ///< also: log line, sample grid, evaluation
  int64_t checkpoint_keep = 2;  ///< newest checkpoints that stay on the disk; the ends of stages always do
  std::string precision = "fp32";
  double lr = 0.0025;
  double lr_discriminator = 0;  ///< 0: lr
  int64_t d_steps = 1;          ///< biggan: discriminator steps for each of the generator, each on a batch of its own
  int64_t accumulations = 1;    ///< parts of a batch that go through the networks one after another
  double orthogonal = 0;        ///< biggan: weight of the generator's orthogonal regularization
  double beta1 = 0, beta2 = 0.99, epsilon = 1e-8;
  double r1_gamma = 0.01;
  int64_t r1_interval = 16;
  double pl_weight = 2, pl_decay = 0.01;
  int64_t pl_interval = 4, pl_batch_shrink = 2;
  double style_mixing = 0.9;
  bool mirror = false;
  std::string
      augment;  ///< of what discriminators see: color, translation, cutout (data/diff_augment.h); empty: nothing
  double augment_p = 1;       ///< probability of each operation on an image
  double ada_target = 0;      ///< above 0: it adapts to this E sign(D(x)) (training/augmentation.h)
  double ada_kimg = 500;      ///< within which it can go from 0 to 1
  double ema_kimg = 10;       ///< half-life of the average
  double ema_ramp = 0.05;     ///< the half-life is at most this share of the images seen; 0: no limit
  double ema_start_kimg = 0;  ///< until then the average is the generator itself
  int64_t seed = 0;
  std::string on_divergence = "error";  ///< error, or restore: go back to the last checkpoint with other random numbers
  double loss_limit = 1e4;              ///< a loss above it counts as exploded
  int64_t epochs = 10;                  ///< classifier: passes over the data

  // [guidance]
  GuidanceRecipe guidance;
  bool resize = false;  ///< whether images are brought to a teacher's size
  double stage1_kimg = 100, stage2_kimg = 100;
  bool keep_optimizer = false;  ///< whether stage 2 goes on with stage 1's Adam

  // [evaluation]
  std::string feature_file;  ///< a feature network; empty: no distance is tracked
  int64_t samples = 5000;    ///< generated images per evaluation
  int64_t final_samples = 10000;

  // [ops]
  bool reference = false;  ///< plain reference operations in place of the fast ones

  // [run]: how the run was started, for `dgl resume`
  std::string command, data, teacher, from_stage1, run_features, device = "auto";
  bool from_teacher = false;
  int64_t threads = 0;

  /// Labels that generator and discriminator take: `classes` if they are conditional, else 0.
  int64_t labels() const { return conditional ? classes : 0; }
  /// `network` with these labels.
  StyleGan2Settings stylegan2() const;
  BigGanSettings biggan() const;
};

/// Reads a recipe and applies `overrides` ("training.batch=16") on top. Error that names file and key for an unknown
/// key, a value of the wrong type or out of range.
Recipe load_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});
/// The same from TOML text; `origin` stands for the file's name in messages.
Recipe parse_recipe(const std::string& text, const std::string& origin, const std::vector<std::string>& overrides = {});

/// The recipe without its [run] table: what another run can start from.
Recipe without_run(const Recipe& recipe);

/// The recipe as TOML, every key present; parse_recipe gives it back.
std::string recipe_toml(const Recipe& recipe);

}  // namespace dgl
