#include "dgl/training/run_phase.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/own_discriminator.h"
#include "dgl/training/networks.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr Scalars StepOutput::*kGroups[] = {&StepOutput::losses, &StepOutput::scores, &StepOutput::statistics};

void add_to(StepOutput& sums, const StepOutput& other) {
  for (const auto group : kGroups) {
    for (auto& [name, value] : sums.*group) value = value + (other.*group).at(name);
  }
}

/// Adds `other` to `sum`; an undefined tensor counts as zero. Never in place: gradients of parameters that are added to
/// each other (the biases of a BigGAN's block) are one tensor.
void add_to(Tensor& sum, const Tensor& other) {
  if (other.defined()) sum = sum.defined() ? sum + other : other;
}

void add_to(std::vector<Tensor>& sums, const std::vector<Tensor>& others) {
  torch::NoGradGuard no_grad;
  if (sums.empty()) {
    sums = others;
    return;
  }
  for (size_t i = 0; i < sums.size(); ++i) add_to(sums[i], others[i]);
}

/// Sums gradients and scalars over all processes, in one message.
void reduce_over(const ProcessGroup& processes, const std::vector<Tensor>& parameters, StepOutput& sums) {
  std::vector<Tensor> all;
  for (const Tensor& parameter : parameters) all.push_back(parameter.grad());
  for (const auto group : kGroups) {
    for (auto& [name, value] : sums.*group) {
      value = value.to(torch::kFloat, /*non_blocking=*/false, /*copy=*/true);
      all.push_back(value);
    }
  }
  processes.all_reduce_sum(all);
}

}  // namespace

int64_t choose_shard_count(const Objective& objective, const Guidance& guidance, int64_t batch, int64_t requested,
                           torch::Device device, const ProcessGroup& processes) {
  const int64_t count = processes.count();
  if (batch % count != 0) {
    fail(
        "training.batch: {} images at a time cannot be shared out to {} processes; expected a multiple of their number",
        batch, count);
  }
  if (!device.is_cpu()) return count;
  int64_t max = objective.max_shards(batch / count);
  // A family whose own losses compare images of a batch has chosen its groups.
  if (const int64_t group = guidance.group(); group > 1 && max == batch / count) {
    max = std::min(max, most_judged_shards(batch / count, std::min(group, batch / count)));
  }
  int64_t shards = std::min(requested > 0 ? std::max<int64_t>(1, requested / count) : runtime_threads(), max);
  while (max % shards != 0) --shards;
  return shards * count;
}

PhaseBatch phase_batch(const Recipe& recipe, const NetworkSet& networks, const Phase& phase, const StepInput& step) {
  PhaseBatch batch{step, recipe.accumulations};
  const bool generators_alone = std::all_of(phase.trains.begin(), phase.trains.end(), [&](const std::string& slot) {
    return networks.at(slot, phase.name).role == NetworkRole::generator;
  });
  if (recipe.batch_generator == 0 || !generators_alone) return batch;
  batch.micro_batches = recipe.batch_generator / (recipe.batch / recipe.accumulations);
  for (Batch& real : batch.input.real) {
    const int64_t images = real.images.size(0) / recipe.accumulations * batch.micro_batches;
    real.images = real.images.slice(0, 0, images);
    if (real.labels.defined()) real.labels = real.labels.slice(0, 0, images);
  }
  return batch;
}

StepOutput run_phase(Objective& objective, const NetworkSet& networks, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t micro_batches, const ProcessGroup& processes,
                     PhaseRecorder* recorder) {
  std::vector<Tensor> parameters;
  for (const NetworkSlot& slot : networks) {
    const bool trained = trains(phase, slot);
    set_requires_grad(*slot.network, trained);
    if (!trained) continue;
    for (const Tensor& parameter : slot.network->parameters()) {
      if (parameter.requires_grad()) parameters.push_back(parameter);
    }
  }
  const int64_t shards = workers.count(), chunks = shards * micro_batches, all_chunks = chunks * processes.count();
  std::vector<StepOutput> outputs(static_cast<size_t>(shards));  // sums over the micro-batches of each
  std::vector<std::vector<Tensor>> gradients(static_cast<size_t>(shards));
  const auto compute = [loss_of = phase.loss, parameters, all_chunks](const StepInput& own) {
    PhaseResult result;
    Tensor loss = loss_of(own, result.output);
    if (all_chunks > 1) loss = loss / static_cast<double>(all_chunks);
    result.gradients = torch::autograd::grad({loss}, parameters, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                             /*allow_unused=*/true);
    return result;
  };
  const auto run_chunk = [&](int64_t shard, int64_t micro_batch) {
    const int64_t chunk = shard * micro_batches + micro_batch;
    const auto part = [&](const Tensor& all) { return all.defined() ? all.chunk(chunks)[chunk] : all; };
    StepInput own = input;
    for (Batch& batch : own.real) batch = {part(batch.images), part(batch.labels)};
    own.seed = stream_seed(seed, 0, static_cast<uint64_t>(processes.rank() * chunks + chunk));
    own.random = make_random(input.real.at(0).images.device(), own.seed);
    PhaseResult result = recorder ? recorder->run(objective, phase, networks, all_chunks, own, compute) : compute(own);
    if (recorder && micro_batches > 1) result = copied(result);
    if (micro_batch == 0) {
      outputs[static_cast<size_t>(shard)] = result.output;
    } else {
      add_to(outputs[static_cast<size_t>(shard)], result.output);
    }
    add_to(gradients[static_cast<size_t>(shard)], result.gradients);
  };
  workers.run([&](int64_t shard) {
    for (int64_t i = 0; i < micro_batches; ++i) run_chunk(shard, i);
  });
  workers.parallel_for(static_cast<int64_t>(parameters.size()), [&](int64_t first, int64_t last) {
    torch::NoGradGuard no_grad;
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
      Tensor sum = gradients[0][i];
      for (size_t shard = 1; shard < gradients.size(); ++shard) add_to(sum, gradients[shard][i]);
      if (sum.defined() && parameters[i].is_contiguous()) sum = sum.contiguous();
      parameters[i].mutable_grad() = sum;
    }
  });
  torch::NoGradGuard no_grad;
  StepOutput means = outputs[0];
  for (size_t shard = 1; shard < outputs.size(); ++shard) add_to(means, outputs[shard]);
  if (processes.count() > 1) reduce_over(processes, parameters, means);
  if (all_chunks > 1) {
    for (const auto group : kGroups) {
      for (auto& [name, value] : means.*group) value = value / static_cast<double>(all_chunks);
    }
  }
  objective.update_statistics(means.statistics);
  return means;
}

}  // namespace dgl
