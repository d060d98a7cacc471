#include "dgl/training/sample_grid.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/sampling.h"

namespace dgl {

namespace {

constexpr int64_t kMaxLabels = 16;

}  // namespace

SampleGrid SampleGrid::of(int64_t classes) {
  SampleGrid grid;
  if (classes == 0) return grid;
  grid.rows = std::min(classes, kMaxLabels);
  for (int64_t row = 0; row < grid.rows; ++row) grid.row_labels.push_back(row * classes / grid.rows);
  return grid;
}

torch::Tensor SampleGrid::draw(Sampler& sampler, uint64_t seed, torch::Device device, const Dataset* inputs) const {
  const SampleSpec spec = sampler.spec();
  Condition condition;
  condition.latents = draw_latents(spec, rows * columns, seed);
  if (spec.classes > 0) condition.labels = torch::tensor(row_labels, torch::kLong).repeat_interleave(columns);
  if (spec.input && inputs) condition.images = to_unit_range(pick(*inputs));
  DrawOptions options;
  options.device = device;
  return sample_images(sampler, condition, options);
}

torch::Tensor SampleGrid::pick(const Dataset& dataset) const {
  std::vector<std::vector<int64_t>> of_label(row_labels.empty() ? 1 : dataset.label_counts().size());
  std::vector<int64_t> all;
  for (int64_t i = 0; i < dataset.info().count; ++i) all.push_back(i);
  if (row_labels.empty()) {
    of_label[0] = all;
  } else {
    const torch::Tensor labels = dataset.labels(all);
    for (const int64_t i : all) of_label[static_cast<size_t>(labels.data_ptr<int64_t>()[i])].push_back(i);
  }
  std::vector<int64_t> chosen;
  const auto spread = [&](const std::vector<int64_t>& from, int64_t count) {
    const auto size = static_cast<int64_t>(from.size());
    for (int64_t k = 0; k < count; ++k)
      chosen.push_back(from[static_cast<size_t>(size < count ? k % size : k * size / count)]);
  };
  if (row_labels.empty()) spread(of_label[0], rows * columns);
  for (const int64_t label : row_labels) spread(of_label[static_cast<size_t>(label)], columns);
  return dataset.images(chosen);
}

}  // namespace dgl
