#include "dgl/metrics/train_classifier.h"

#include <torch/nn/functional/loss.h>
#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kHeldOut = 10;  // one of N images is held out
constexpr double kPi = 3.14159265358979323846;

/// Rotates each image by up to 0.2 rad, scales it by up to a tenth and shifts it by up to a twentieth of its side.
Tensor augment(const Tensor& images) {
  const int64_t n = images.size(0);
  const auto uniform = [&](double reach) { return (torch::rand({n}, images.options()) * 2 - 1) * reach; };
  const Tensor angle = uniform(0.2), scale = 1 + uniform(0.1);
  const Tensor c = at::cos(angle) * scale, s = at::sin(angle) * scale;
  const Tensor theta = at::stack({at::stack({c, -s, uniform(0.1)}, 1), at::stack({s, c, uniform(0.1)}, 1)}, 1);
  const Tensor grid = at::affine_grid_generator(theta, images.sizes(), /*align_corners=*/false);
  // The background outside the image is -1.
  return at::grid_sampler(images + 1, grid, 0, 0, false) - 1;
}

double accuracy_on(Classifier& network, const Dataset& dataset, const std::vector<int64_t>& indices,
                   torch::Device device) {
  int64_t right = 0;
  for (size_t first = 0; first < indices.size(); first += 256) {
    const std::vector<int64_t> part(indices.begin() + static_cast<int64_t>(first),
                                    indices.begin() + static_cast<int64_t>(std::min(indices.size(), first + 256)));
    const Tensor guess = network.activations(dataset.images(part).to(device)).logits.argmax(1).cpu();
    right += guess.eq(dataset.labels(part)).sum().item<int64_t>();
  }
  return static_cast<double>(right) / static_cast<double>(indices.size());
}

}  // namespace

void check_classifier_data(const Dataset& dataset, const ClassifierShape& shape) {
  const DatasetInfo& info = dataset.info();
  const std::string origin = dataset.path().string();
  if (!dataset.labeled()) fail("{}: the set has no labels; a classifier needs them", origin);
  if (static_cast<int64_t>(info.classes.size()) != shape.classes) {
    fail("{}: {} labels, but the recipe's network.classes = {}", origin, info.classes.size(), shape.classes);
  }
  if (info.resolution != shape.resolution || info.channels != shape.channels) {
    fail("{}: images of {} x {} x {}, but the recipe's network takes {} x {} x {}", origin, info.channels,
         info.resolution, info.resolution, shape.channels, shape.resolution, shape.resolution);
  }
  if (info.count < 2 * kHeldOut) fail("{}: {} images are too few to train on", origin, info.count);
}

ClassifierResult train_classifier(const Dataset& dataset, const ClassifierOptions& options,
                                  const ClassifierProgress& progress) {
  check_classifier_data(dataset, options.shape);
  std::vector<int64_t> held_out, training;
  for (int64_t i = 0; i < dataset.info().count; ++i) (i % kHeldOut == 0 ? held_out : training).push_back(i);

  torch::manual_seed(options.seed);
  auto network = std::make_shared<Classifier>(options.shape);
  network->to(options.device);
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(options.lr));
  const auto count = static_cast<int64_t>(training.size());
  const int64_t steps = (count + options.batch - 1) / options.batch;
  double accuracy = 0;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    torch::manual_seed(stream_seed(options.seed, 1, static_cast<uint64_t>(epoch)));
    const Tensor order = torch::randperm(count);
    double loss_sum = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const double done = static_cast<double>(epoch * steps + step) / static_cast<double>(options.epochs * steps);
      for (auto& group : optimizer.param_groups()) {
        static_cast<torch::optim::AdamOptions&>(group.options()).lr(options.lr * 0.5 * (1 + std::cos(kPi * done)));
      }
      std::vector<int64_t> part;
      for (int64_t i = step * options.batch; i < std::min(count, (step + 1) * options.batch); ++i) {
        part.push_back(training[static_cast<size_t>(order[i].item<int64_t>())]);
      }
      const Tensor images = to_unit_range(dataset.images(part).to(options.device));
      const Tensor scores = network->classify(network->embed(augment(images)));
      const Tensor loss = torch::nn::functional::cross_entropy(scores, dataset.labels(part).to(options.device));
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      loss_sum += loss.item<double>();
    }
    if (!std::isfinite(loss_sum)) fail("training diverged in epoch {}; a smaller training.lr may help", epoch + 1);
    accuracy = accuracy_on(*network, dataset, held_out, options.device);
    if (progress) progress(epoch + 1, loss_sum / static_cast<double>(steps), accuracy);
  }
  return {network, accuracy};
}

}  // namespace dgl
