#include "training/trainer.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/runtime.h"
#include "ops/common.h"
#include "metrics/dataset_statistics.h"
#include "report/image_grid.h"
#include "report/report.h"
#include "training/ema.h"
#include "training/interrupt.h"
#include "training/labels.h"
#include "training/run_phase.h"
#include "training/summary.h"

namespace dgl {

namespace {

constexpr const char* kStateKey = "dgl_state";
constexpr int64_t kMaxRetries = 3;

/// The random streams of a run.
enum Stream : uint64_t { kInit = 1, kData, kStep, kEvaluation, kGridLatents, kFinalEvaluation, kStanding };

std::string data_name(const Recipe& recipe) { return std::filesystem::path(recipe.data).filename().string(); }

}  // namespace

Trainer::~Trainer() = default;

Trainer::Trainer(const Recipe& recipe, bool quiet)
    : recipe_(recipe), progress_(quiet), device_(parse_device(recipe.device)), augmentation_(recipe) {
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
  sampler_ = std::make_unique<BatchSampler>(data_, recipe_.batch,
                                            stream_seed(static_cast<uint64_t>(recipe_.seed), kData, 0), recipe_.mirror);
  if (!recipe_.run_features.empty()) {
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
    add_teacher(teacher_->discriminator,
                {recipe_.teacher, recipe_.lambda, recipe_.schedule, recipe_.weight, recipe_.loss});
    bool guided = recipe_.lambda > 0 || recipe_.for_discriminator.any() || recipe_.train_teacher;
    for (const TeacherRecipe& other : recipe_.teachers) {
      const Model model = load_model(other.file);
      model.critic(other.file).to(device_);
      add_teacher(model.discriminator, other);
      guided = guided || other.lambda > 0;
    }
    guidance_.guide_discriminator(recipe_.for_discriminator,
                                  teacher_->generator_ema ? teacher_->generator_ema : teacher_->generator, info.channels,
                                  info.resolution, recipe_.labels());
    stages_ = {{1, "alone", std::llround(recipe_.stage1_kimg * 1000), 0, false},
               {2, guided ? "guided" : "alone", std::llround(recipe_.stage2_kimg * 1000), recipe_.lambda, guided}};
  } else {
    stages_ = {{1, "alone", std::llround(recipe_.kimg * 1000), 0, false}};
  }

  const bool second_only = student && (recipe_.from_teacher || !recipe_.from_stage1.empty());
  if (second_only) stages_[0].images = 0;
  int64_t images = 0;
  for (const Stage& stage : stages_) images += stage.images;
  if (images == 0) {
    fail("the recipe trains for 0 images; expected {} above 0",
         second_only ? "guidance.stage2_kimg" : student ? "guidance.stage1_kimg or stage2_kimg" : "training.kimg");
  }

  const Rational width = student ? Rational::parse(recipe_.width, "student.width") : Rational{};
  const Rational critic_width = student ? discriminator_width(recipe_, width) : width;
  torch::manual_seed(stream_seed(static_cast<uint64_t>(recipe_.seed), kInit, 0));
  model_ = make_networks(recipe_, width, critic_width, device_);
  objective_ = make_objective(recipe_, model_);
  phases_ = objective_->phases();
  recipe_.shards = shards_of(*objective_, recipe_.batch / recipe_.accumulations, recipe_.shards, device_);
  workers_ = std::make_unique<Workers>(recipe_.shards);
  optimisers_ = make_optimisers(recipe_, model_, phases_);
  if (student && recipe_.train_teacher) {
    const auto family = teacher_->discriminator->settings().value("family", "");
    if (family != recipe_.family) {
      fail("{}: a discriminator of {}, which cannot go on learning with {} (guidance.train_teacher)", recipe_.teacher, family,
           recipe_.family);
    }
    const Discriminator& critic = *teacher_->discriminator;
    if (critic.resolution() != info.resolution || critic.channels() != info.channels) {
      fail("{}: the teacher's discriminator takes {} x {} x {} images and can only go on learning (guidance.train_teacher) "
           "from images of its own size; the data's are {} x {} x {}", recipe_.teacher, critic.channels(),
           critic.resolution(), critic.resolution(), info.channels, info.resolution, info.resolution);
    }
    taught_.generator = model_.generator;
    taught_.discriminator = teacher_->discriminator;
    teacher_objective_ = make_objective(recipe_, taught_);
    teacher_optimiser_ = std::move(make_optimisers(recipe_, taught_, phases_).discriminator);
  }
  if (student && !recipe_.from_stage1.empty()) begin_from_stage1();
  if (student && recipe_.from_teacher) begin_from_teacher();
}

void Trainer::add_teacher(std::shared_ptr<Discriminator> critic, const TeacherRecipe& how) {
  const auto loss = how.loss.empty() ? usual_loss(critic->settings().value("family", "")) : make_adversarial_loss(how.loss, "guidance.loss");
  const DatasetInfo& info = data_->info();
  critic->set_activations(parse_precision(recipe_.precision, "training.precision"));
  guidance_.add({how.file, std::move(critic), loss, make_schedule(how.schedule, how.lambda, "guidance.schedule"),
                 make_weight(how.weight, "guidance.weight"), recipe_.resize},
                info.channels, info.resolution, recipe_.labels());
}

void Trainer::save(const std::filesystem::path& path) {
  TensorFile file = pack_model(model_);
  optimisers_.generator->put(file, "adam.generator.");
  optimisers_.discriminator->put(file, "adam.discriminator.");
  for (const auto& [name, tensor] : objective_->state()) file.tensors["objective." + name] = tensor;
  for (const auto& [name, tensor] : augmentation_.state()) file.tensors["augmentation." + name] = tensor;
  for (const auto& [name, tensor] : guidance_.state()) file.tensors["guidance." + name] = tensor;
  if (teacher_optimiser_) {
    put_module(file, "guidance.discriminator.", *taught_.discriminator);
    teacher_optimiser_->put(file, "guidance.adam.");
  }
  file.metadata[kStateKey] = state_.to_json().dump();
  save_safetensors(path, file);
}

void Trainer::load(const TensorFile& file, const std::string& origin) {
  const auto text = file.metadata.find(kStateKey);
  if (text == file.metadata.end()) fail("{}: not a checkpoint: the metadata has no \"{}\"", origin, kStateKey);
  const auto json = parse_json(text->second);
  RunState state = RunState::from_json(json, origin);
  get_module(file, "generator.", *model_.generator, origin);
  get_module(file, "generator_ema.", *model_.generator_ema, origin);
  get_module(file, "discriminator.", *model_.discriminator, origin);
  optimisers_.generator->get(file, "adam.generator.", origin);
  optimisers_.discriminator->get(file, "adam.discriminator.", origin);
  torch::NoGradGuard no_grad;
  for (auto [name, tensor] : objective_->state()) tensor.copy_(file.at("objective." + name, origin));
  for (auto [name, tensor] : augmentation_.state()) tensor.copy_(file.at("augmentation." + name, origin));
  state_ = std::move(state);
}

void Trainer::load_guidance(const TensorFile& file, const std::string& origin) {
  torch::NoGradGuard no_grad;
  for (auto [name, tensor] : guidance_.state()) tensor.copy_(file.at("guidance." + name, origin));
  if (teacher_optimiser_) {
    get_module(file, "guidance.discriminator.", *taught_.discriminator, origin);
    teacher_optimiser_->get(file, "guidance.adam.", origin);
  }
}

void Trainer::load_newest(const RunDirectory& directory, const std::vector<std::filesystem::path>& paths) {
  std::string why;
  for (const auto& path : paths) {
    try {
      const TensorFile file = load_safetensors(path);
      load_guidance(file, path.string());
      load(file, path.string());
      directory.truncate_log(state_.log_bytes);
      if (!why.empty()) progress_.print(fmt::format("going on from {} instead", path.filename().string()));
      return;
    } catch (const Error& error) {
      why = error.what();
      progress_.print(why);
    }
  }
  if (!why.empty()) fail("{}: none of its checkpoints can be read", directory.path().string());
}

void Trainer::begin_from_stage1() {
  const RunDirectory other = RunDirectory::open(recipe_.from_stage1);
  const auto path = other.stage_end(1);
  if (!std::filesystem::exists(path)) {
    fail("{}: has no checkpoints/stage1.safetensors; expected a run of compress or boost whose stage 1 is done", recipe_.from_stage1);
  }
  load(load_safetensors(path), path.string());
  if (state_.stages.size() != 1 || state_.stage != 2) fail("{}: not the end of a stage 1", path.string());
  state_.log_bytes = 0;
  state_.best_fd = -1;
  if (!recipe_.keep_optimizer) optimisers_ = make_optimisers(recipe_, model_, phases_);
}

void Trainer::begin_from_teacher() {
  if (!teacher_->generator || !teacher_->generator_ema) {
    fail("{}: the teacher has no generator and average of it to start from", recipe_.teacher);
  }
  if (teacher_->generator->settings() != model_.generator->settings() ||
      teacher_->discriminator->settings() != model_.discriminator->settings()) {
    fail("{}: the teacher's networks differ from the recipe's at width {}, so they cannot be its start", recipe_.teacher,
         recipe_.width);
  }
  copy_weights(*teacher_->generator, *model_.generator);
  copy_weights(*teacher_->generator_ema, *model_.generator_ema);
  copy_weights(*teacher_->discriminator, *model_.discriminator);
  if (teacher_->info.contains("kimg") && teacher_->info["kimg"].is_number()) {
    state_.images = std::llround(teacher_->info["kimg"].get<double>() * 1000);
  }
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

void Trainer::learn(Objective& objective, const Model& model, const Phase& phase, const StepInput& input, Adam& optimiser,
                    uint64_t seed, const std::string& prefix) {
  const StepOutput output = run_phase(objective, model, phase, input, *workers_, seed, recipe_.accumulations);
  if (&objective == objective_.get()) {
    guidance_.absorb(output.statistics);
    augmentation_.absorb(output.statistics);
  }
  // Gradients are whole here: the place to average them over processes.
  for (const auto& [name, value] : output.losses) {
    const double number = value.item<double>();
    if (!std::isfinite(number) || std::abs(number) > recipe_.loss_limit) {
      throw Error(fmt::format("loss {}{} = {} at step {} ({:.1f} kimg)", prefix, name, number, state_.step,
                              static_cast<double>(state_.images) / 1000));
    }
    state_.losses.add(prefix + name, number);
  }
  for (const auto& [name, value] : output.scores) state_.scores.add(prefix + name, value.item<double>());
  if (augmentation_.any()) state_.scores.add("augment_p", augmentation_.probability());
  if (const double norm = optimiser.gradient_norm(*workers_); !std::isfinite(norm)) {
    throw Error(fmt::format("gradient of {}{} is not finite at step {} ({:.1f} kimg)", prefix, phase.name, state_.step,
                            static_cast<double>(state_.images) / 1000));
  }
  optimiser.step(*workers_);
}

void Trainer::train_teacher(StepInput& input, const std::vector<Batch>& real, uint64_t seed) {
  // As the student's discriminator, by its own lights alone.
  input.guidance = nullptr;
  taught_.discriminator->train();
  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    if (phase.generator || state_.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.real)];
    learn(*teacher_objective_, taught_, phase, input, *teacher_optimiser_, stream_seed(seed, 2, i), "teacher_");
  }
  taught_.discriminator->eval();
  set_requires_grad(*taught_.discriminator, false);
}

void Trainer::step(const Stage& stage) {
  const uint64_t seed = stream_seed(static_cast<uint64_t>(recipe_.seed), kStep + 100 * static_cast<uint64_t>(state_.retries),
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
  input.progress = static_cast<double>(state_.stage_images) / static_cast<double>(std::max<int64_t>(1, stage.images));
  input.augmentation = augmentation_.any() ? &augmentation_ : nullptr;

  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    if (state_.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.real)];
    learn(*objective_, model_, phase, input, optimisers_.of(phase), stream_seed(seed, 1, i), "");
  }
  if (stage.guided && teacher_optimiser_) train_teacher(input, real, seed);
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

void Trainer::show_progress(const Stage& stage) {
  const double rate = static_cast<double>(state_.tick_images) / std::max(1e-9, state_.tick_seconds);
  int64_t left = stage.images - state_.stage_images;
  for (const Stage& later : stages_) left += later.number > stage.number ? later.images : 0;
  std::string losses;
  const auto means = state_.losses.means();
  for (const auto& [name, value] : means.items()) {
    losses += fmt::format(" {} {:.3f}", name, value.get<double>());
  }
  std::string fd;
  if (state_.best_fd >= 0) fd = fmt::format(" | best {} {:.2f}", features_->distance_name(), state_.best_fd);
  progress_.update(fmt::format("stage {} {} | kimg {:.1f}/{:g} | {:.0f} img/s | left {} |{}{}", stage.number, stage.name,
                               static_cast<double>(state_.stage_images) / 1000,
                               static_cast<double>(stage.images) / 1000, rate,
                               duration_text(static_cast<double>(left) / std::max(1e-9, rate)), losses, fd));
}

void Trainer::tick(const RunDirectory& directory, const Stage& stage) {
  const double kimg = static_cast<double>(state_.images) / 1000;
  const double rate = static_cast<double>(state_.tick_images) / std::max(1e-9, state_.tick_seconds);
  nlohmann::json line = {{"stage", stage.number},
                         {"kimg", kimg},
                         {"images", state_.images},
                         {"step", state_.step},
                         {"seconds", state_.seconds},
                         {"images_per_second", rate},
                         {"loss", state_.losses.means()},
                         {"score", state_.scores.means()}};
  model_.generator_ema->settle(stream_seed(static_cast<uint64_t>(recipe_.seed), kStanding, 0));
  std::string fd_text;
  StageRecord& record = state_.stages.back();
  if (features_) {
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
  record.kimg_end = kimg;
  if (!features_ || line.contains("best")) {
    model_.info = {{"kimg", kimg}, {"stage", stage.number}, {"recipe", recipe_toml(without_run(recipe_))}, {"data", data_name(recipe_)}};
    if (features_) model_.info["distance"] = {{"name", features_->distance_name()}, {"samples", recipe_.samples}, {"value", line["fd"]}};
    save_model(directory.best(), model_);
  }
  write_samples(directory);
  const auto means = line["loss"];
  std::string losses;
  for (const auto& [name, value] : means.items()) losses += fmt::format(" {} {:.3f}", name, value.get<double>());
  progress_.print(fmt::format("stage {} {} | kimg {:.1f} | {:.0f} img/s | {} |{}{}", stage.number, stage.name, kimg, rate,
                              duration_text(state_.seconds), losses, fd_text));
  directory.append_log(line);
  state_.log_bytes = directory.log_size();
  state_.losses = {};
  state_.scores = {};
  state_.tick_seconds = 0;
  state_.tick_images = 0;
}

void Trainer::handle_divergence(const RunDirectory& directory, const std::string& what) {
  if (recipe_.on_divergence != "restore") {
    fail("{}: training diverged: {}; the last checkpoint is kept (training.on_divergence = \"restore\" goes back to it)",
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
  if (!recipe_.keep_optimizer) optimisers_ = make_optimisers(recipe_, model_, phases_);
  save(directory.stage_end(stage.number));
}

void Trainer::start(const RunDirectory& directory) {
  const auto paths = directory.resume_points();
  if (!paths.empty()) return load_newest(directory, paths);
  directory.truncate_log(0);
  save(directory.checkpoint(state_.step));
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
      } catch (const Error& error) {
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
    const auto ticks = static_cast<int64_t>(static_cast<double>(state_.stage_images) / (recipe_.checkpoint_kimg * 1000));
    const bool due = ticks > state_.ticks;
    if (due || done) {
      state_.ticks = ticks;
      if (state_.tick_images > 0) tick(directory, stage);
      if (done) end_stage(directory, stage);
    }
    if (due || done) {
      save(directory.checkpoint(state_.step));
      directory.prune(recipe_.checkpoint_keep);
      last = now_seconds();
    }
    if (const int signal = InterruptGuard::received(); signal && state_.stage <= static_cast<int64_t>(stages_.size())) {
      if (!due && !done) save(directory.interrupted());
      progress_.print(fmt::format("interrupted; `dgl resume {}` goes on", directory.path().string()));
      return 128 + signal;
    }
  }
  finish(directory);
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
  const nlohmann::json summary = summarise(input);
  write_file(directory.summary(), summary.dump(2) + "\n");
  write_report(directory.path());
  progress_.print(summary_table(summary));
}

int start_run(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet) {
  Trainer trainer(recipe, quiet);
  const RunDirectory directory = RunDirectory::create(out, trainer.recipe(), overwrite);
  const auto alone = directory.occupy();
  return trainer.run(directory);
}

int resume_run(const std::filesystem::path& path, const std::string& device, bool quiet) {
  const RunDirectory directory = RunDirectory::open(path);
  Recipe recipe = directory.recipe();
  if (device != "auto") recipe.device = device;
  if (recipe.family == "classifier") {
    fail("{}: the run of a classifier, which keeps no checkpoints; `dgl train --overwrite` makes it anew", path.string());
  }
  if (std::filesystem::exists(directory.summary())) {
    if (!quiet) fmt::print("{} is done: {}\n", path.string(), directory.model().string());
    return 0;
  }
  const auto alone = directory.occupy();
  Trainer trainer(recipe, quiet);
  return trainer.run(directory);
}

}  // namespace dgl
