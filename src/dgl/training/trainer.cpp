#include "dgl/training/trainer.h"

#include <cmath>

#include "dgl/base/error.h"
#include "dgl/base/interrupt.h"
#include "dgl/base/runtime.h"
#include "dgl/metrics/dataset_statistics.h"
#include "dgl/ops/common.h"
#include "dgl/optim/ema.h"
#include "dgl/recipe/labels.h"
#include "dgl/report/image_grid.h"
#include "dgl/report/report.h"
#include "dgl/run/summary.h"
#include "dgl/training/run_phase.h"

namespace dgl {

namespace {

constexpr int64_t kMaxRetries = 3;

/// The random streams of a run.
enum Stream : uint64_t { kInit = 1, kData, kStep, kEvaluation, kGridLatents, kFinalEvaluation, kStanding };

/// A loss or a gradient went where training cannot go on from.
class Divergence : public Error {
 public:
  using Error::Error;
};

std::string data_name(const Recipe& recipe) { return std::filesystem::path(recipe.data).filename().string(); }

/// " g_main 0.693 d_main 1.386"
std::string losses_text(const nlohmann::json& means) {
  std::string text;
  for (const auto& [name, value] : means.items()) text += fmt::format(" {} {:.3f}", name, value.get<double>());
  return text;
}

}  // namespace

Trainer::~Trainer() = default;

Trainer::Trainer(const Recipe& recipe, bool quiet, const ProcessGroup& processes)
    : processes_(processes),
      recipe_(recipe),
      progress_(quiet || !processes.is_root()),
      device_(processes.device(recipe.device)),
      augmentation_(recipe) {
  ops::set_use_reference(recipe_.reference);
  data_ = std::make_shared<Dataset>(recipe_.data);
  const DatasetInfo& info = data_->info();
  if (info.resolution != recipe_.network.resolution || info.channels != recipe_.network.img_channels) {
    fail("{}: images of {} x {} x {}, but the recipe's network makes {} x {} x {}", recipe_.data, info.channels,
         info.resolution, info.resolution, recipe_.network.img_channels, recipe_.network.resolution,
         recipe_.network.resolution);
  }
  recipe_ = with_labels_of(*data_, std::move(recipe_));
  if (recipe_.conditional) label_shares_ = label_shares(*data_).to(device_);
  grid_ = SampleGrid::of(recipe_.labels());
  if (processes_.is_root() && !recipe_.run_features.empty()) {
    features_ = load_feature_network(recipe_.run_features);
    features_->to(device_);
    real_statistics_ = dataset_statistics(*data_, *features_, 256, device_);
  }

  const bool student = recipe_.command != "train";
  if (student) {
    teacher_ = std::make_unique<Model>(load_model(recipe_.teacher));
    Discriminator& critic = teacher_->critic(recipe_.teacher);
    critic.to(device_);
    if (teacher_->generator_ema) teacher_->generator_ema->to(device_);
    if (teacher_->generator) teacher_->generator->to(device_);
    const GuidanceRecipe& wanted = recipe_.guidance;
    add_teacher(teacher_->discriminator, {recipe_.teacher, wanted.lambda, wanted.schedule, wanted.weight, wanted.loss});
    bool guided = wanted.lambda > 0 || wanted.for_discriminator.any() || wanted.train_teacher;
    for (const TeacherRecipe& other : wanted.teachers) {
      const Model model = load_model(other.file);
      model.critic(other.file).to(device_);
      add_teacher(model.discriminator, other);
      guided = guided || other.lambda > 0;
    }
    guidance_.guide_discriminator(wanted.for_discriminator,
                                  teacher_->generator_ema ? teacher_->generator_ema : teacher_->generator,
                                  info.channels, info.resolution, recipe_.labels());
    stages_ = {{1, "alone", std::llround(recipe_.stage1_kimg * 1000), 0, false},
               {2, guided ? "guided" : "alone", std::llround(recipe_.stage2_kimg * 1000), wanted.lambda, guided}};
  } else {
    stages_ = {{1, "alone", std::llround(recipe_.kimg * 1000), 0, false}};
  }

  const bool second_only = student && (recipe_.from_teacher || !recipe_.from_stage1.empty());
  if (second_only) stages_[0].images = 0;
  int64_t images = 0;
  for (const Stage& stage : stages_) images += stage.images;
  if (images == 0) {
    fail("the recipe trains for 0 images; expected {} above 0", second_only ? "guidance.stage2_kimg"
                                                                : student   ? "guidance.stage1_kimg or stage2_kimg"
                                                                            : "training.kimg");
  }

  const Rational width = student ? Rational::parse(recipe_.width, "student.width") : Rational{};
  const Rational critic_width = student ? discriminator_width(recipe_, width) : width;
  torch::manual_seed(stream_seed(static_cast<uint64_t>(recipe_.seed), kInit, 0));
  model_ = make_networks(recipe_, width, critic_width, device_);
  objective_ = make_objective(recipe_, model_);
  phases_ = objective_->phases();
  recipe_.shards =
      choose_shard_count(*objective_, recipe_.batch / recipe_.accumulations, recipe_.shards, device_, processes_);
  workers_ = std::make_unique<Workers>(recipe_.shards / processes_.count());
  sampler_ =
      std::make_unique<BatchSampler>(data_, recipe_.batch, stream_seed(static_cast<uint64_t>(recipe_.seed), kData, 0),
                                     recipe_.mirror, processes_.rank(), processes_.count());
  optimizers_ = make_optimizers(recipe_, model_, phases_);
  if (student && recipe_.guidance.train_teacher) {
    const auto family = teacher_->discriminator->settings().value("family", "");
    if (family != recipe_.family) {
      fail("{}: a discriminator of {}, which cannot go on learning with {} (guidance.train_teacher)", recipe_.teacher,
           family, recipe_.family);
    }
    const Discriminator& critic = *teacher_->discriminator;
    if (critic.resolution() != info.resolution || critic.channels() != info.channels) {
      fail(
          "{}: the teacher's discriminator takes {} x {} x {} images and can only go on learning "
          "(guidance.train_teacher) "
          "from images of its own size; the data's are {} x {} x {}",
          recipe_.teacher, critic.channels(), critic.resolution(), critic.resolution(), info.channels, info.resolution,
          info.resolution);
    }
    taught_.generator = model_.generator;
    taught_.discriminator = teacher_->discriminator;
    teacher_objective_ = make_objective(recipe_, taught_);
    teacher_optimizer_ = std::move(make_optimizers(recipe_, taught_, phases_).discriminator);
  }
  if (student && !recipe_.from_stage1.empty()) begin_from_stage1();
  if (student && recipe_.from_teacher) begin_from_teacher();
  spread_weights();
}

void Trainer::add_teacher(std::shared_ptr<Discriminator> critic, const TeacherRecipe& how) {
  const auto loss = how.loss.empty() ? default_adversarial_loss(critic->settings().value("family", ""))
                                     : make_adversarial_loss(how.loss, "guidance.loss");
  const DatasetInfo& info = data_->info();
  critic->set_activations(parse_precision(recipe_.precision, "training.precision"));
  guidance_.add({how.file, std::move(critic), loss, make_schedule(how.schedule, how.lambda, "guidance.schedule"),
                 make_weight(how.weight, "guidance.weight"), recipe_.resize},
                info.channels, info.resolution, recipe_.labels());
}

double Trainer::measure(Generator& generator, int64_t samples, uint64_t stream) {
  SampleOptions options;
  options.count = samples;
  options.seed = stream_seed(static_cast<uint64_t>(recipe_.seed), stream, 0);
  options.device = device_;
  options.label_shares = label_shares_;
  return frechet_distance(generator_statistics(generator, *features_, options), real_statistics_);
}

void Trainer::write_samples(const RunDirectory& directory) {
  const auto write = [&](Generator& generator, const std::string& name) {
    write_grid(directory.sample(name), draw_grid(generator), grid_.columns);
  };
  write(*model_.generator_ema, fmt::format("{:06d}", state_.images / 1000));
  if (!std::filesystem::exists(directory.sample("real"))) {
    write_grid(directory.sample("real"), grid_.pick(*data_), grid_.columns);
  }
  if (teacher_ && (teacher_->generator || teacher_->generator_ema) &&
      !std::filesystem::exists(directory.sample("teacher"))) {
    write(teacher_->sampler(recipe_.teacher), "teacher");
  }
}

torch::Tensor Trainer::draw_grid(Generator& generator) const {
  return grid_.draw(generator, stream_seed(static_cast<uint64_t>(recipe_.seed), kGridLatents, 0), device_);
}

void Trainer::optimize_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                             Adam& optimizer, uint64_t seed, const std::string& prefix) {
  const StepOutput output =
      run_phase(objective, model, phase, input, *workers_, seed, recipe_.accumulations, processes_);
  if (&objective == objective_.get()) {
    guidance_.update_statistics(output.statistics);
    augmentation_.update_statistics(output.statistics);
  }
  for (const auto& [name, value] : output.losses) {
    const double number = value.item<double>();
    if (!std::isfinite(number) || std::abs(number) > recipe_.loss_limit) {
      throw Divergence(fmt::format("loss {}{} = {} at step {} ({:.1f} kimg)", prefix, name, number, state_.step,
                                   static_cast<double>(state_.images) / 1000));
    }
    state_.losses.add(prefix + name, number);
  }
  for (const auto& [name, value] : output.scores) state_.scores.add(prefix + name, value.item<double>());
  if (augmentation_.any()) state_.scores.add("augment_p", augmentation_.probability());
  if (const double norm = optimizer.gradient_norm(*workers_); !std::isfinite(norm)) {
    throw Divergence(fmt::format("gradient of {}{} is not finite at step {} ({:.1f} kimg)", prefix, phase.name,
                                 state_.step, static_cast<double>(state_.images) / 1000));
  }
  optimizer.step(*workers_);
}

void Trainer::train_teacher(StepInput& input, const std::vector<Batch>& real, uint64_t seed) {
  // As the student's discriminator, by its own lights alone.
  input.guidance = nullptr;
  taught_.discriminator->train();
  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    if (phase.generator || state_.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.real)];
    optimize_phase(*teacher_objective_, taught_, phase, input, *teacher_optimizer_, stream_seed(seed, 2, i),
                   "teacher_");
  }
  taught_.discriminator->eval();
  set_requires_grad(*taught_.discriminator, false);
}

void Trainer::step(const Stage& stage) {
  const uint64_t seed =
      stream_seed(static_cast<uint64_t>(recipe_.seed), kStep + 100 * static_cast<uint64_t>(state_.retries),
                  static_cast<uint64_t>(state_.step));
  StepInput input;
  const int64_t real_batches = objective_->real_batches(), images = recipe_.batch * real_batches;
  std::vector<Batch> real;
  for (int64_t i = 0; i < real_batches; ++i) {
    real.push_back(sampler_->batch(state_.step * real_batches + i));
    real.back().images = real.back().images.to(device_);
    if (real.back().labels.defined()) real.back().labels = real.back().labels.to(device_);
  }
  input.label_shares = label_shares_;
  input.guidance = stage.guided ? &guidance_ : nullptr;
  input.guidance_scale = state_.step % recipe_.guidance.interval == 0 ? recipe_.guidance.interval : 0;
  input.progress = static_cast<double>(state_.stage_images) / static_cast<double>(std::max<int64_t>(1, stage.images));
  input.augmentation = augmentation_.any() ? &augmentation_ : nullptr;

  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    if (state_.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.real)];
    optimize_phase(*objective_, model_, phase, input, optimizers_.of(phase), stream_seed(seed, 1, i), "");
  }
  if (stage.guided && teacher_optimizer_) train_teacher(input, real, seed);
  ++state_.step;
  state_.images += images;
  state_.stage_images += images;
  state_.tick_images += images;
  const auto seen = static_cast<double>(state_.images);
  const double beta = seen < recipe_.ema_start_kimg * 1000
                          ? 0
                          : ema_beta(static_cast<double>(images), recipe_.ema_kimg * 1000, seen, recipe_.ema_ramp);
  update_ema(*model_.generator, *model_.generator_ema, beta, *workers_);
}

double Trainer::rate() const { return static_cast<double>(state_.tick_images) / std::max(1e-9, state_.tick_seconds); }

void Trainer::show_progress(const Stage& stage) {
  int64_t left = stage.images - state_.stage_images;
  for (const Stage& later : stages_) left += later.number > stage.number ? later.images : 0;
  std::string fd;
  if (features_ && state_.best_fd >= 0)
    fd = fmt::format(" | best {} {:.2f}", features_->distance_name(), state_.best_fd);
  progress_.update(fmt::format(
      "stage {} {} | kimg {:.1f}/{:g} | {:.0f} img/s | left {} |{}{}", stage.number, stage.name,
      static_cast<double>(state_.stage_images) / 1000, static_cast<double>(stage.images) / 1000, rate(),
      duration_text(static_cast<double>(left) / std::max(1e-9, rate())), losses_text(state_.losses.means()), fd));
}

void Trainer::on_checkpoint(const RunDirectory& directory, const Stage& stage) {
  state_.stages.back().kimg_end = static_cast<double>(state_.images) / 1000;
  if (processes_.is_root()) evaluate_and_log(directory, stage);
  state_.losses = {};
  state_.scores = {};
  state_.tick_seconds = 0;
  state_.tick_images = 0;
}

void Trainer::evaluate_and_log(const RunDirectory& directory, const Stage& stage) {
  const double kimg = static_cast<double>(state_.images) / 1000;
  nlohmann::json line = {{"stage", stage.number},         {"kimg", kimg},
                         {"images", state_.images},       {"step", state_.step},
                         {"seconds", state_.seconds},     {"images_per_second", rate()},
                         {"loss", state_.losses.means()}, {"score", state_.scores.means()}};
  model_.generator_ema->recalibrate_batch_norm(stream_seed(static_cast<uint64_t>(recipe_.seed), kStanding, 0));
  std::string fd_text;
  if (features_) {
    StageRecord& record = state_.stages.back();
    const double fd = measure(*model_.generator_ema, recipe_.samples, kEvaluation);
    line["fd"] = fd;
    record.fd_end = fd;
    if (record.fd_best < 0 || fd < record.fd_best) {
      record.fd_best = fd;
      record.kimg_best = kimg;
    }
    fd_text = fmt::format(" | {} {:.2f}", features_->distance_name(), fd);
    if (state_.best_fd < 0 || fd < state_.best_fd) {
      state_.best_fd = fd;
      state_.best_kimg = kimg;
      state_.best_stage = stage.number;
      line["best"] = true;
      fd_text += " (best)";
    }
  }
  if (!features_ || line.contains("best")) {
    model_.info = {{"kimg", kimg},
                   {"stage", stage.number},
                   {"recipe", recipe_toml(without_run(recipe_))},
                   {"data", data_name(recipe_)}};
    if (features_)
      model_.info["distance"] = {
          {"name", features_->distance_name()}, {"samples", recipe_.samples}, {"value", line["fd"]}};
    save_model(directory.best(), model_);
  }
  write_samples(directory);
  progress_.print(fmt::format("stage {} {} | kimg {:.1f} | {:.0f} img/s | {} |{}{}", stage.number, stage.name, kimg,
                              rate(), duration_text(state_.seconds), losses_text(line["loss"]), fd_text));
  directory.append_log(line);
  state_.log_bytes = directory.log_size();
}

void Trainer::handle_divergence(const RunDirectory& directory, const std::string& what) {
  if (recipe_.on_divergence != "restore") {
    fail(
        "{}: training diverged: {}; the last checkpoint is kept (training.on_divergence = \"restore\" goes back to it)",
        directory.path().string(), what);
  }
  const int64_t retries = state_.retries + 1;
  if (retries > kMaxRetries) {
    fail("{}: training diverged {} times, now: {}", directory.path().string(), retries, what);
  }
  progress_.print(fmt::format("training diverged: {}; going back to the last checkpoint", what));
  // Those of ticks only: where an interrupt came must not decide what the run comes to.
  load_newest(directory, directory.checkpoints());
  state_.retries = retries;
}

void Trainer::end_stage(const RunDirectory& directory, const Stage& stage) {
  ++state_.stage;
  state_.stage_images = 0;
  state_.ticks = 0;
  if (!recipe_.keep_optimizer) optimizers_ = make_optimizers(recipe_, model_, phases_);
  save(directory.stage_end(stage.number));
}

void Trainer::start(const RunDirectory& directory) {
  const auto paths = directory.resume_points();
  processes_.barrier();  // all have looked before the first one writes
  if (!paths.empty()) {
    load_newest(directory, paths);
  } else {
    if (processes_.is_root()) directory.truncate_log(0);
    save(directory.checkpoint(state_.step));
  }
  if (const int64_t furthest = processes_.all_reduce_max(state_.step); furthest != state_.step) {
    fail("{}: this process finds step {} there, another one step {}: expected one folder for all",
         directory.path().string(), state_.step, furthest);
  }
}

int Trainer::run(const RunDirectory& directory) {
  InterruptGuard interrupts;
  start(directory);
  double last = now_seconds();
  while (state_.stage <= static_cast<int64_t>(stages_.size())) {
    const Stage& stage = current_stage();
    if (static_cast<int64_t>(state_.stages.size()) < state_.stage) {
      StageRecord record;
      record.stage = stage.number;
      record.name = stage.name;
      record.lambda = stage.lambda;
      record.kimg_start = record.kimg_end = static_cast<double>(state_.images) / 1000;
      state_.stages.push_back(record);
    }
    if (state_.stage_images < stage.images) {
      try {
        step(stage);
      } catch (const Divergence& error) {
        handle_divergence(directory, error.what());
        continue;
      }
      const double now = now_seconds();
      state_.seconds += now - last;
      state_.tick_seconds += now - last;
      state_.stages.back().seconds += now - last;
      last = now;
      show_progress(stage);
    }
    const bool done = state_.stage_images >= stage.images;
    const auto ticks =
        static_cast<int64_t>(static_cast<double>(state_.stage_images) / (recipe_.checkpoint_kimg * 1000));
    const bool due = ticks > state_.ticks;
    if (due || done) {
      state_.ticks = ticks;
      if (state_.tick_images > 0) on_checkpoint(directory, stage);
      if (done) end_stage(directory, stage);
    }
    if (due || done) {
      save(directory.checkpoint(state_.step));
      if (processes_.is_root()) directory.prune(recipe_.checkpoint_keep);
      last = now_seconds();
    }
    const auto signal = static_cast<int>(processes_.all_reduce_max(InterruptGuard::received()));
    if (signal && state_.stage <= static_cast<int64_t>(stages_.size())) {
      if (!due && !done) save(directory.interrupted());
      progress_.print(fmt::format("interrupted; `dgl resume {}` goes on", directory.path().string()));
      return 128 + signal;
    }
  }
  if (processes_.is_root()) finish(directory);
  return 0;
}

void Trainer::finish(const RunDirectory& directory) {
  Model result = load_model(directory.best());
  result.generator_ema->to(device_);
  SummaryInput input;
  input.recipe = recipe_;
  input.state = state_;
  input.data = data_->info();
  input.row_labels = grid_.row_labels;
  input.device = device_;
  input.processes = processes_.count();
  input.result = &result;
  input.teacher = teacher_.get();
  if (features_) {
    input.metric = features_->distance_name();
    progress_.print(fmt::format("measuring the result over {} samples", recipe_.final_samples));
    input.result_distance = measure(*result.generator_ema, recipe_.final_samples, kFinalEvaluation);
    if (teacher_ && (teacher_->generator || teacher_->generator_ema)) {
      Generator& theirs = teacher_->sampler(recipe_.teacher);
      // A teacher of another size has no distance to these images.
      if (theirs.resolution() == data_->info().resolution && theirs.channels() == data_->info().channels) {
        input.teacher_distance = measure(theirs, recipe_.final_samples, kFinalEvaluation);
      }
    }
    result.info["distance"] = {
        {"name", input.metric}, {"samples", recipe_.final_samples}, {"value", *input.result_distance}};
  }
  write_grid(directory.sample("final"), draw_grid(*result.generator_ema), grid_.columns);
  save_model(directory.model(), result);
  const nlohmann::json summary = make_summary(input);
  write_file(directory.summary(), summary.dump(2) + "\n");
  write_report(directory.path());
  progress_.print(summary_table(summary));
}

int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet) {
  const auto processes = ProcessGroup::of_environment();
  Trainer trainer(recipe, quiet, *processes);
  std::unique_ptr<FolderLock> alone;
  if (processes->is_root()) alone = RunDirectory::create(out, trainer.recipe(), overwrite).lock();
  processes->barrier();
  return trainer.run(RunDirectory::open(out));
}

int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet) {
  const RunDirectory directory = RunDirectory::open(path);
  Recipe recipe = directory.recipe();
  if (device != "auto") recipe.device = device;
  if (recipe.family == "classifier") {
    fail("{}: the run of a classifier, which keeps no checkpoints; `dgl train --overwrite` makes it anew",
         path.string());
  }
  if (std::filesystem::exists(directory.summary())) {
    if (!quiet) fmt::print("{} is done: {}\n", path.string(), directory.model().string());
    return 0;
  }
  const auto processes = ProcessGroup::of_environment();
  const auto alone = processes->is_root() ? directory.lock() : nullptr;
  Trainer trainer(recipe, quiet, *processes);
  return trainer.run(directory);
}

}  // namespace dgl
