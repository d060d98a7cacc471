#include "dgl/training/run_phase.h"

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr Scalars StepOutput::*kScalars[] = {&StepOutput::losses, &StepOutput::scores, &StepOutput::statistics};

void add_to(StepOutput& sums, const StepOutput& other) {
  for (const auto figures : kScalars) {
    for (auto& [name, value] : sums.*figures) value = value + (other.*figures).at(name);
  }
}

/// An undefined tensor stands for zero. Never in place: gradients of parameters that are added to each other (the
/// biases of a BigGAN's block) are one tensor.
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

/// Gradients and figures of all processes, in one message.
void add_up_over(const ProcessGroup& processes, const std::vector<Tensor>& parameters, StepOutput& sums) {
  std::vector<Tensor> all;
  for (const Tensor& parameter : parameters) all.push_back(parameter.grad());
  for (const auto figures : kScalars) {
    for (auto& [name, value] : sums.*figures) {
      value = value.to(torch::kFloat, /*non_blocking=*/false, /*copy=*/true);
      all.push_back(value);
    }
  }
  processes.all_reduce_sum(all);
}

}  // namespace

int64_t choose_shard_count(const Objective& objective, int64_t batch, int64_t wanted, torch::Device device,
                           const ProcessGroup& processes) {
  const int64_t count = processes.count();
  if (batch % count != 0) {
    fail(
        "training.batch: {} images at a time cannot be shared out to {} processes; expected a multiple of their number",
        batch, count);
  }
  if (!device.is_cpu()) return count;
  const int64_t most = objective.max_shards(batch / count);
  int64_t shards = std::min(wanted > 0 ? std::max<int64_t>(1, wanted / count) : runtime_threads(), most);
  while (most % shards != 0) --shards;
  return shards * count;
}

StepOutput run_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t parts, const ProcessGroup& processes) {
  set_requires_grad(*model.generator, phase.generator);
  set_requires_grad(*model.discriminator, !phase.generator);
  const std::vector<Tensor> parameters =
      phase.generator ? model.generator->parameters() : model.discriminator->parameters();
  const int64_t shards = workers.count(), pieces = shards * parts, all_pieces = pieces * processes.count();
  std::vector<StepOutput> outputs(static_cast<size_t>(shards));  // sums over the parts of each
  std::vector<std::vector<Tensor>> gradients(static_cast<size_t>(shards));
  const auto run_piece = [&](int64_t shard, int64_t part) {
    const int64_t piece = shard * parts + part;
    StepInput own = input;
    const auto share = [&](const Tensor& all) { return all.defined() ? all.chunk(pieces)[piece] : all; };
    own.real.images = share(input.real.images);
    own.real.labels = share(input.real.labels);
    own.random = make_random(input.real.images.device(),
                             stream_seed(seed, 0, static_cast<uint64_t>(processes.rank() * pieces + piece)));
    StepOutput output;
    Tensor loss = objective.loss(phase, own, output);
    if (part == 0) {
      outputs[static_cast<size_t>(shard)] = output;
    } else {
      add_to(outputs[static_cast<size_t>(shard)], output);
    }
    if (all_pieces > 1) loss = loss / static_cast<double>(all_pieces);
    add_to(gradients[static_cast<size_t>(shard)],
           torch::autograd::grad({loss}, parameters, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                 /*allow_unused=*/true));
  };
  workers.run([&](int64_t shard) {
    for (int64_t part = 0; part < parts; ++part) run_piece(shard, part);
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
  if (processes.count() > 1) add_up_over(processes, parameters, means);
  if (all_pieces > 1) {
    for (const auto figures : kScalars) {
      for (auto& [name, value] : means.*figures) value = value / static_cast<double>(all_pieces);
    }
  }
  objective.update_statistics(means.statistics);
  return means;
}

}  // namespace dgl
