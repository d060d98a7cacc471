#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "dgl/guidance/matching_term.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/losses/adversarial.h"
#include "dgl/nn/inherit.h"
#include "dgl/recipe/recipe.h"
#include "dgl/recipe/teachers_table.h"

// The keys of recipes, as docs/recipe-keys.md lists them.

namespace dgl {

namespace {

constexpr double kMany = 1e9;

std::vector<std::string> loss_choices() {
  std::vector<std::string> names = adversarial_loss_names();
  names.insert(names.begin(), "");
  return names;
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
      {"training", "tensorboard", &r.tensorboard,
       "Whether log lines and sample grids go into event files for TensorBoard too, in the run's folder events"},
      {"training",
       "precision",
       &r.precision,
       "Type of feature maps and convolutions; weights, optimizer, statistics, images, scores and losses stay fp32",
       0,
       0,
       {"fp32", "bf16"}},
      {"training",
       "gpu",
       &r.gpu,
       "How GPUs compute in training: exact gives the same bits each time, fast allows TF32 for float32 and whichever "
       "algorithms of cuDNN are fastest, and other bits each time; evaluation is exact",
       0,
       0,
       {"exact", "fast"}},
      {"training",
       "cpu",
       &r.cpu,
       "How a processor computes in training: fast takes bfloat16 products in Winograd's algorithm, where precision is "
       "bf16 and the processor has instructions for it, with six times the rounding error; evaluation is exact",
       0,
       0,
       {"exact", "fast"}},
      {"training", "cuda_graphs", &r.cuda_graphs,
       "Whether a GPU's work for each phase of training is recorded as a CUDA graph, compared with the usual way once, "
       "and then launched as a whole, of stylegan2 and biggan without augmentation; takes more of the GPU's memory"},
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
       "same latents, those that it reconstructs, or those that a cycle began with; -1: 3 for a generator that draws "
       "from "
       "latents and starts as a part of its teacher's, 0.5 with the weight gradient for a student that reconstructs, 1 "
       "for "
       "one that translates, else 0",
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
      {"guidance", "pair_judge", &teacher.pair_judge,
       "Weight of what the teacher's discriminators of pairs (training.pair_judge) say of an image and what a cycle "
       "makes of it, side by side",
       0, 1e6},
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
       "make its teacher's images of the same latents, without real images, or its translations of the same images; "
       "auto, distill for a generator that draws from latents and starts as a part of its teacher's, else alone",
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
       "Packed set that was held out of training, which distances are to and whose images are reconstructed; of a "
       "family of two domains, images of a that are translated; empty: the training set"},
      {"evaluation", "test_b", &r.test_b_file,
       "The same of domain b: images that are translated to a; empty: the training set"},
      {"evaluation", "partners", &r.partners,
       "Whether image i of test_b is the right translation of image i of test, and the other way round: translations "
       "are then compared with them"},
      {"evaluation", "styles", &r.style_file,
       "A classifier of two labels, images of a and images of b, for the share of translations that it takes for their "
       "new domain; empty: none"},
      {"evaluation", "lpips", &r.lpips_file,
       "Weights of LPIPS on VGG16, or a checkpoint that holds them, with which the result's reconstructions are "
       "compared with their originals; empty: none"},
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
      {"run", "from_model", &r.run.from_model, ""},
      {"run", "from_stage1", &r.run.from_stage1, ""},
      {"run", "features", &r.run.features, ""},
      {"run", "judge_features", &r.run.judge_features, ""},
      {"run", "held_out_judge", &r.run.held_out_judge, ""},
      {"run", "test", &r.run.test, ""},
      {"run", "test_b", &r.run.test_b, ""},
      {"run", "styles", &r.run.styles, ""},
      {"run", "lpips", &r.run.lpips, ""},
      {"run", "from_teacher", &r.run.from_teacher, ""},
      {"run", "device", &r.run.device, ""},
      {"run", "threads", &r.run.threads, "", 0, 1024},
      {"run", "fingerprint", &r.run.fingerprint, "What tells the packed sets from others"},
      {"run", "budget", &r.run.budget, "What the student's generators were to cost, and the width that was chosen"},
      {"run", "changes", &r.run.changes, "What `dgl resume` changed of the recipe, and when"},
  };
  for (ConfigKey& key : r.family_info().keys(*r.network)) keys.push_back(std::move(key));
  return keys;
}

std::vector<ConfigKey> teacher_keys(TeacherRecipe& t) {
  return {{kTeachersTable, "file", &t.file, "A model with a discriminator, of any width"},
          {kTeachersTable, "lambda", &t.lambda, "As in [guidance]; -1: 0.1", kChosenWeight, 1e6},
          {kTeachersTable, "schedule", &t.schedule, "As in [guidance]"},
          {kTeachersTable, "weight", &t.weight, "As in [guidance]"},
          {kTeachersTable, "loss", &t.loss, "As in [guidance]", 0, 0, loss_choices()},
          {kTeachersTable, "pair", &t.pair, "As in [guidance]; -1: 0", kChosenWeight, 1e6},
          {kTeachersTable, "pair_schedule", &t.pair_schedule, "As in [guidance]"},
          {kTeachersTable, "pair_distance", &t.pair_distance, "As in [guidance]", 0, 0, pair_term_distances()},
          {kTeachersTable, "pair_weight", &t.pair_weight, "As in [guidance]"},
          {kTeachersTable, "match", &t.match, "As in [guidance]", 0, 1e6},
          {kTeachersTable, "match_schedule", &t.match_schedule, "As in [guidance]"},
          {kTeachersTable, "match_distance", &t.match_distance, "As in [guidance]", 0, 0, matching_distance_names()},
          {kTeachersTable, "pair_judge", &t.pair_judge, "As in [guidance]", 0, 1e6}};
}

}  // namespace dgl
