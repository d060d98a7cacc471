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

}  // namespace

int64_t shards_of(const Objective& objective, int64_t batch, int64_t wanted, torch::Device device) {
  if (!device.is_cpu()) return 1;
  int64_t shards = std::min(wanted > 0 ? wanted : runtime_threads(), objective.most_shards(batch));
  while (objective.most_shards(batch) % shards != 0) --shards;
  return shards;
}

StepOutput run_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed) {
  set_requires_grad(*model.generator, phase.generator);
  set_requires_grad(*model.discriminator, !phase.generator);
  const std::vector<Tensor> parameters =
      phase.generator ? model.generator->parameters() : model.discriminator->parameters();
  const int64_t shards = workers.count();
  std::vector<StepOutput> outputs(static_cast<size_t>(shards));
  std::vector<std::vector<Tensor>> gradients(static_cast<size_t>(shards));
  workers.run([&](int64_t shard) {
    StepInput part = input;
    const auto share = [&](const Tensor& all) { return all.defined() ? all.chunk(shards)[shard] : all; };
    part.real.images = share(input.real.images);
    part.real.labels = share(input.real.labels);
    part.random = make_random(input.real.images.device(), stream_seed(seed, 0, static_cast<uint64_t>(shard)));
    const auto place = static_cast<size_t>(shard);
    Tensor loss = objective.loss(phase, part, outputs[place]);
    if (shards > 1) loss = loss / static_cast<double>(shards);
    gradients[place] = torch::autograd::grad({loss}, parameters, {}, /*retain_graph=*/false, /*create_graph=*/false,
                                             /*allow_unused=*/true);
  });
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor sum = gradients[0][i];
    for (size_t shard = 1; shard < gradients.size(); ++shard) {
      const Tensor& other = gradients[shard][i];
      if (other.defined()) sum = sum.defined() ? sum.add_(other) : other;
    }
    parameters[i].mutable_grad() = sum;
  }
  StepOutput means{mean_of(outputs, &StepOutput::losses), mean_of(outputs, &StepOutput::scores),
                   mean_of(outputs, &StepOutput::statistics)};
  objective.absorb(means.statistics);
  return means;
}

}  // namespace dgl
