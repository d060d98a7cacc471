#include "dgl/training/bench.h"

#include <sys/resource.h>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/nn/profile.h"
#include "dgl/ops/common.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"

namespace dgl {

nlohmann::json bench_step(const Recipe& recipe, Rational width, bool guided, torch::Device device) {
  constexpr double kSeconds = 1.5;
  constexpr size_t kMaxRuns = 50;
  ops::set_use_reference(recipe.reference);
  torch::manual_seed(static_cast<uint64_t>(recipe.seed));
  const Model model = make_networks(recipe, width, discriminator_width(recipe, width), device);
  const auto objective = make_objective(recipe, model);
  auto optimizers = make_optimizers(recipe, model, objective->phases());
  Guidance guidance;
  if (guided) {
    const Model teacher = make_networks(recipe, Rational{}, Rational{}, device);
    guidance.add({"teacher", teacher.discriminator, default_adversarial_loss(recipe.family),
                  constant_schedule(recipe.guidance.lambda > 0 ? recipe.guidance.lambda : 0.1)},
                 recipe.network.img_channels, recipe.network.resolution, recipe.labels());
  }
  Workers workers(choose_shard_count(*objective, recipe.batch / recipe.accumulations, recipe.shards, device, {}));
  uint64_t seed = 0;
  StepInput input;
  input.real.images = torch::randn(
      {recipe.batch, recipe.network.img_channels, recipe.network.resolution, recipe.network.resolution}, device);
  if (recipe.labels() > 0) {
    input.real.labels = torch::randint(recipe.labels(), {recipe.batch}, torch::dtype(torch::kLong).device(device));
    input.label_shares = torch::full({recipe.labels()}, 1.0 / static_cast<double>(recipe.labels()), device);
  }
  input.guidance = guided ? &guidance : nullptr;

  const auto median_seconds = [&](const Phase& phase) {
    const auto run = [&] {
      run_phase(*objective, model, phase, input, workers, ++seed, recipe.accumulations);
      optimizers.of(phase).step(workers);
      if (device.is_cuda()) torch::cuda::synchronize(device.index());
    };
    run();
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
  for (const Phase& phase : objective->phases()) {
    if (!result.contains(phase.name)) {  // else the same again
      input.guidance_scale = recipe.guidance.interval;
      double seconds = median_seconds(phase);
      if (guided && phase.generator && !phase.regularizer && recipe.guidance.interval > 1) {
        input.guidance_scale = 0;
        const double alone = median_seconds(phase);
        seconds = alone + (seconds - alone) / static_cast<double>(recipe.guidance.interval);
      }
      result[phase.name] = seconds;
    }
    step += result[phase.name].get<double>() / static_cast<double>(phase.interval);
  }
  if (device.is_cpu()) {  // a GPU's memory is not this process's
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    result["peak_memory_bytes"] = int64_t{usage.ru_maxrss} * 1024;
  }
  model.generator->eval();
  for (const int64_t batch : {1, 16}) {
    result[fmt::format("sample_{}", batch)] = generator_latency(*model.generator, batch, device, 15);
  }
  result["step"] = step;
  result["images_per_second"] = static_cast<double>(recipe.batch * objective->real_batches()) / step;
  result["threads"] = runtime_threads();
  result["shards"] = workers.count();
  result["precision"] = recipe.precision;
  return result;
}

}  // namespace dgl
