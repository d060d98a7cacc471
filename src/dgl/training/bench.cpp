#include "dgl/training/bench.h"

#include <torch/cuda.h>
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/resource.h>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/guidance/guidance.h"
#include "dgl/nn/profile.h"
#include "dgl/ops/common.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"

namespace dgl {

StepInput random_step_input(const Recipe& recipe, torch::Device device) {
  const FamilySettings& settings = *recipe.network;
  const int64_t labels = settings.labels();
  StepInput input;
  for (size_t domain = 0; domain < recipe.family_info().domains().size(); ++domain) {
    Batch& batch = input.real.emplace_back();
    batch.images =
        torch::randn({recipe.batch, settings.img_channels, settings.resolution, settings.resolution}, device);
    if (labels > 0) batch.labels = torch::randint(labels, {recipe.batch}, torch::dtype(torch::kLong).device(device));
  }
  if (labels > 0) input.label_shares = torch::full({labels}, 1.0 / static_cast<double>(labels), device);
  return input;
}

nlohmann::json bench_step(const Recipe& recipe, Rational width, bool guided, torch::Device device) {
  constexpr double kSeconds = 1.5, kLambda = 0.1;
  constexpr size_t kMaxRuns = 50;
  torch::manual_seed(static_cast<uint64_t>(recipe.seed));
  const Family& family = recipe.family_info();
  const FamilySettings& settings = *recipe.network;
  const NetworkSet networks = make_networks(recipe, widths_beside(recipe, width), device);
  const auto objective = family.objective(settings, networks);
  std::vector<Phase> phases = training_phases(recipe, *objective);
  std::erase_if(phases, [&](const Phase& phase) { return phase.distillation || (phase.guidance && !guided); });
  const Optimizers optimizers = make_optimizers(recipe, networks, phases);
  Guidance guidance;
  if (guided) {
    const NetworkSet teacher = make_networks(recipe, {.narrow_constant = recipe.narrow_constant}, device);
    for (const auto& [slot, discriminator, domain] : discriminators_of(teacher, "the recipe")) {
      guidance.add({.name = "teacher",
                    .discriminator = discriminator,
                    .loss = make_adversarial_loss(family.default_loss(), "loss"),
                    .lambda = constant_schedule(recipe.teacher().lambda > 0 ? recipe.teacher().lambda : kLambda),
                    .domain = domain},
                   {settings.image(), settings.labels()});
    }
    if (guidance.empty()) fail("the recipe: {} has no discriminator, which --guided asks", family.name());
  }
  Workers workers(
      choose_shard_count(*objective, guidance, recipe.batch / recipe.accumulations, recipe.shards, device, {}));
  const auto recorder = make_phase_recorder(recipe, device);
  uint64_t seed = 0;
  StepInput input = random_step_input(recipe, device);
  input.guidance = guided ? &guidance : nullptr;

  const auto median_of = [&](const Phase& phase) {
    const FastGpus fast_gpus(recipe.gpu == "fast");
    const ops::FastProducts fast_products(recipe.cpu == "fast");
    const auto run = [&] {
      const PhaseBatch batch = phase_batch(recipe, networks, phase, input);
      run_phase(*objective, networks, phase, batch.input, workers, ++seed, batch.micro_batches, {}, recorder.get());
      for (const std::string& slot : phase.trains) optimizers.at(slot)->step(workers);
      if (device.is_cuda()) torch::cuda::synchronize(device.index());
    };
    for (int i = 0; i < (recorder ? 4 : 1); ++i) run();  // the first are as usual, then one records
    std::vector<double> seconds;
    const double start = now_seconds();
    while (seconds.size() < 3 || (now_seconds() - start < kSeconds && seconds.size() < kMaxRuns)) {
      const double before = now_seconds();
      run();
      seconds.push_back(now_seconds() - before);
    }
    std::nth_element(seconds.begin(), seconds.begin() + static_cast<int64_t>(seconds.size() / 2), seconds.end());
    return seconds[seconds.size() / 2];
  };

  nlohmann::json result;
  double step = 0;
  for (const Phase& phase : phases) {
    if (!result.contains(phase.name)) {  // else the same again
      result["phases"].push_back(phase.name);
      const bool in_main_phase = recipe.guidance.interval == 1;
      input.guidance_alone = phase.guidance;
      input.guidance_scale = phase.guidance ? phase.interval : in_main_phase ? 1 : 0;
      result[phase.name] = median_of(phase);
    }
    step += result[phase.name].get<double>() / static_cast<double>(phase.interval);
  }
  if (device.is_cpu()) {  // a GPU's memory is not this process's
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    result["peak_memory_bytes"] = int64_t{usage.ru_maxrss} * 1024;
  }
  for (const NetworkSlot& slot : networks) slot.network->eval();
  for (const int64_t batch : {1, 16}) {
    // The networks that are trained, in their precision; averages are measured in float32.
    double seconds = 0;
    for (const NetworkSlot& slot : networks) {
      if (slot.role == NetworkRole::discriminator) continue;
      seconds += median_seconds(slot.network->example_pass(batch, device), device);
    }
    result[fmt::format("sample_{}", batch)] = seconds;
  }
  result["step"] = step;
  result["images_per_second"] = static_cast<double>(recipe.batch * objective->batches_per_step()) / step;
  result["threads"] = runtime_threads();
  result["shards"] = workers.count();
  result["precision"] = recipe.precision;
  return result;
}

}  // namespace dgl
