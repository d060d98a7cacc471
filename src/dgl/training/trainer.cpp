#include "dgl/training/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/ops/common.h"
#include "dgl/optim/ema.h"
#include "dgl/training/run_phase.h"

namespace dgl {

namespace {

/// Random streams of one step: of the student's phases and of the teacher's.
enum : uint64_t { kStudentPhases = 1, kTeacherPhases };
/// After a divergence the stream of steps is another one, this far away.
constexpr uint64_t kStreamsPerRetry = 100;

/// Lets a teacher's discriminators learn while it lives. At its end, also by an exception, they are frozen again.
class LearningTeacher {
 public:
  explicit LearningTeacher(const TrainedNetworks& taught) {
    for (const auto& [slot, optimizer] : taught.optimizers) networks_.push_back(taught.networks.network(slot));
    for (const auto& network : networks_) network->train();
  }
  LearningTeacher(const LearningTeacher&) = delete;
  LearningTeacher& operator=(const LearningTeacher&) = delete;
  ~LearningTeacher() {
    for (const auto& network : networks_) {
      network->eval();
      set_requires_grad(*network, false);
    }
  }

 private:
  std::vector<std::shared_ptr<Network>> networks_;
};

}  // namespace

std::vector<std::vector<Batch>> Trainer::draw_batches(int64_t count) const {
  std::vector<std::vector<Batch>> batches;
  for (int64_t i = 0; i < count; ++i) {
    auto& domains = batches.emplace_back();
    for (const auto& sampler : session_.samplers) {
      Batch batch = sampler->batch(session_.state.step * count + i);
      batch.images = batch.images.to(session_.device, /*non_blocking=*/true);
      if (batch.labels.defined()) batch.labels = batch.labels.to(session_.device);
      domains.push_back(std::move(batch));
    }
  }
  return batches;
}

StepInput Trainer::make_input(const Stage& stage) const {
  const RunState& state = session_.state;
  StepInput input;
  input.label_shares = session_.label_shares;
  input.guidance = stage.guided || stage.distills ? &session_.guidance : nullptr;
  input.teacher = session_.teacher_sampler;
  input.run_kimg = session_.run_kimg();
  input.progress = static_cast<double>(state.stage_images) / static_cast<double>(std::max<int64_t>(1, stage.images));
  input.augmentation = session_.augmentation.any() ? &session_.augmentation : nullptr;
  return input;
}

void Trainer::step(const Stage& stage) {
  const Recipe& recipe = session_.recipe;
  const FastGpus fast_gpus(recipe.gpu == "fast");
  const ops::FastProducts fast_products(recipe.cpu == "fast");
  RunState& state = session_.state;
  TrainedNetworks& student = session_.student;
  const uint64_t stream = static_cast<uint64_t>(Stream::step) + kStreamsPerRetry * static_cast<uint64_t>(state.retries);
  const uint64_t seed = stream_seed(static_cast<uint64_t>(recipe.seed), stream, static_cast<uint64_t>(state.step));
  begin(stage);
  StepInput input = make_input(stage);
  // Teachers that are asked in every step are part of the main phases; others have phases of their own.
  const int64_t main_scale = recipe.guidance.interval == 1 ? 1 : 0;
  const int64_t batches = stage.distills ? 1 : student.objective->batches_per_step();
  const auto real = draw_batches(batches);
  for (size_t i = 0; i < phases_.size(); ++i) {
    const Phase& phase = phases_[i];
    if (state.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.batch)];
    input.guidance_alone = phase.guidance;
    input.guidance_scale = phase.guidance ? phase.interval : main_scale;
    optimize_phase(student, phase, input, stream_seed(seed, kStudentPhases, i), "");
  }
  if (stage.guided && session_.taught && state.step % recipe.guidance.train_teacher_interval == 0)
    train_teacher(input, real, seed);
  const int64_t images = recipe.batch * batches;
  ++state.step;
  state.images += images;
  state.stage_images += images;
  state.tick_images += images;
  update_averages(images);
}

void Trainer::begin(const Stage& stage) {
  if (stage_ == stage.number) return;
  TrainedNetworks& student = session_.student;
  phases_ = student.phases;
  std::erase_if(phases_, [&](const Phase& phase) {
    return phase.distillation != stage.distills || (phase.guidance && !stage.guided);
  });
  for (const auto& [slot, optimizer] : student.optimizers) {
    const NetworkSlot& trained = student.networks.at(slot, "the student");
    optimizer->set_options(adam_options(session_.recipe, trained, phases_));
  }
  stage_ = stage.number;
}

void Trainer::optimize_phase(TrainedNetworks& trained, const Phase& phase, const StepInput& input, uint64_t seed,
                             const std::string& prefix) {
  const Recipe& recipe = session_.recipe;
  RunState& state = session_.state;
  const PhaseBatch batch = phase_batch(recipe, trained.networks, phase, input);
  const StepOutput output = run_phase(*trained.objective, trained.networks, phase, batch.input, *session_.workers, seed,
                                      batch.micro_batches, *session_.processes, session_.recorder.get());
  if (&trained == &session_.student) {
    session_.guidance.update_statistics(output.statistics);
    session_.augmentation.update_statistics(output.statistics);
  }
  const double kimg = static_cast<double>(state.images) / 1000;
  std::vector<torch::Tensor> values;
  for (const auto& [name, value] : output.losses) values.push_back(value);
  for (const auto& [name, value] : output.scores) values.push_back(value);
  const std::vector<double> numbers = read_numbers(values);
  auto next = numbers.begin();
  for (const auto& [name, value] : output.losses) {
    const double number = *next++;
    if (!std::isfinite(number) || std::abs(number) > recipe.loss_limit) {
      throw DivergenceError(
          fmt::format("loss {}{} = {} at step {} ({:.1f} kimg)", prefix, name, number, state.step, kimg));
    }
    state.losses.add(prefix + name, number);
  }
  for (const auto& [name, value] : output.scores) state.scores.add(prefix + name, *next++);
  if (session_.augmentation.any()) state.scores.add("augment_p", session_.augmentation.probability());
  double square = 0;
  for (const std::string& slot : phase.trains) {
    square += std::pow(trained.optimizers.at(slot)->gradient_norm(*session_.workers), 2);
  }
  const double norm = std::sqrt(square);
  if (!std::isfinite(norm)) {
    throw DivergenceError(
        fmt::format("gradient of {}{} is not finite at step {} ({:.1f} kimg)", prefix, phase.name, state.step, kimg));
  }
  const double scale = recipe.clip > 0 && norm > recipe.clip ? recipe.clip / norm : 1;
  for (const std::string& slot : phase.trains)
    trained.optimizers.at(slot)->step(*session_.workers, session_.lr_factor(), scale);
}

void Trainer::train_teacher(StepInput& input, const std::vector<std::vector<Batch>>& real, uint64_t seed) {
  // With its own loss only.
  input.guidance = nullptr;
  TrainedNetworks& taught = *session_.taught;
  const LearningTeacher learning(taught);
  for (size_t i = 0; i < taught.phases.size(); ++i) {
    const Phase& phase = taught.phases[i];
    if (!trains_discriminators_alone(taught.networks, phase) || session_.state.step % phase.interval != 0) continue;
    input.real = real[static_cast<size_t>(phase.batch)];
    optimize_phase(taught, phase, input, stream_seed(seed, kTeacherPhases, i), "teacher_");
  }
}

void Trainer::update_averages(int64_t images) {
  const Recipe& recipe = session_.recipe;
  const auto seen = static_cast<double>(session_.state.images);
  const double beta = seen < recipe.ema_start_kimg * 1000
                          ? 0
                          : ema_beta(static_cast<double>(images), recipe.ema_kimg * 1000, seen, recipe.ema_ramp);
  for (const NetworkSlot& slot : session_.student.networks) {
    if (slot.average) update_ema(*slot.network, *slot.average, beta, *session_.workers);
  }
}

}  // namespace dgl
