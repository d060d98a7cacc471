#include "training/run_phase.h"

#include "base/runtime.h"

namespace dgl {

using torch::Tensor;

namespace {

Figures mean_of(const std::vector<StepOutput>& outputs, Figures StepOutput::*figures) {
  Figures means = outputs[0].*figures;
  for (auto& [name, value] : means) {
    for (size_t i = 1; i < outputs.size(); ++i) value = value + (outputs[i].*figures).at(name);
    if (outputs.size() > 1) value = value / static_cast<double>(outputs.size());
  }
  return means;
}

/// An undefined tensor stands for zero. Never in place: gradients of parameters that are added to each other (the biases of a
/// BigGAN's block) are one tensor.
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

}  // namespace

int64_t shards_of(const Objective& objective, int64_t batch, int64_t wanted, torch::Device device) {
  if (!device.is_cpu()) return 1;
  int64_t shards = std::min(wanted > 0 ? wanted : runtime_threads(), objective.most_shards(batch));
  while (objective.most_shards(batch) % shards != 0) --shards;
  return shards;
}

StepOutput run_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t parts) {
  set_requires_grad(*model.generator, phase.generator);
  set_requires_grad(*model.discriminator, !phase.generator);
  const std::vector<Tensor> parameters =
      phase.generator ? model.generator->parameters() : model.discriminator->parameters();
  const int64_t shards = workers.count(), pieces = shards * parts;
  std::vector<StepOutput> outputs(static_cast<size_t>(pieces));
  std::vector<std::vector<Tensor>> gradients(static_cast<size_t>(shards));
  const auto run_piece = [&](int64_t shard, int64_t part) {
    const int64_t piece = part * shards + shard;
    StepInput own = input;
    const auto share = [&](const Tensor& all) { return all.defined() ? all.chunk(pieces)[piece] : all; };
    own.real.images = share(input.real.images);
    own.real.labels = share(input.real.labels);
    own.random = make_random(input.real.images.device(), stream_seed(seed, 0, static_cast<uint64_t>(piece)));
    Tensor loss = objective.loss(phase, own, outputs[static_cast<size_t>(piece)]);
    if (pieces > 1) loss = loss / static_cast<double>(pieces);
    add_to(gradients[static_cast<size_t>(shard)],
           torch::autograd::grad({loss}, parameters, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                 /*allow_unused=*/true));
  };
  workers.run([&](int64_t shard) {
    for (int64_t part = 0; part < parts; ++part) run_piece(shard, part);
  });
  workers.divide(static_cast<int64_t>(parameters.size()), [&](int64_t first, int64_t last) {
    torch::NoGradGuard no_grad;
    for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
      Tensor sum = gradients[0][i];
      for (size_t shard = 1; shard < gradients.size(); ++shard) add_to(sum, gradients[shard][i]);
      if (sum.defined() && parameters[i].is_contiguous()) sum = sum.contiguous();
      parameters[i].mutable_grad() = sum;
    }
  });
  torch::NoGradGuard no_grad;
  StepOutput means{mean_of(outputs, &StepOutput::losses), mean_of(outputs, &StepOutput::scores),
                   mean_of(outputs, &StepOutput::statistics)};
  objective.absorb(means.statistics);
  return means;
}

}  // namespace dgl
