#include "dgl/families/cyclegan/image_pool.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

ImagePool::ImagePool(int64_t size, const ImageShape& image)
    : images_(torch::zeros({size, image.channels, image.height, image.width})),
      count_(torch::zeros({}, torch::kDouble)) {}

ImagePool::Query ImagePool::query(const Tensor& images, const Tensor& chances) const {
  const int64_t n = images.size(0);
  Query query{images, images, at::full({n}, -1.0, torch::kDouble)};
  if (size() == 0) return query;
  const Tensor decisions = chances.to(torch::kCPU, torch::kDouble).contiguous();
  const auto chance = decisions.accessor<double, 2>();
  auto place = query.places.accessor<double, 1>();
  auto count = static_cast<int64_t>(count_.item<double>());
  std::map<int64_t, Tensor> placed;  // by this query, over what the pool has
  std::vector<Tensor> passing;
  for (int64_t i = 0; i < n; ++i) {
    const Tensor image = images[i];
    if (count < size()) {
      place[i] = static_cast<double>(count++);
      passing.push_back(image);
    } else if (chance[i][0] > 0.5) {
      const int64_t chosen = std::min(size() - 1, static_cast<int64_t>(chance[i][1] * static_cast<double>(size())));
      const auto earlier = placed.find(chosen);
      passing.push_back(earlier != placed.end() ? earlier->second : images_[chosen].to(image.device()));
      place[i] = static_cast<double>(chosen);
    } else {
      passing.push_back(image);
    }
    if (place[i] >= 0) placed[static_cast<int64_t>(place[i])] = image;
  }
  query.images = at::stack(passing);
  return query;
}

void ImagePool::update(const Tensor& incoming, const Tensor& places) {
  const torch::NoGradGuard no_grad;
  const Tensor at_places = places.to(torch::kCPU, torch::kDouble);
  for (int64_t i = 0; i < incoming.size(0); ++i) {
    const auto place = at_places[i].item<double>();
    if (place < 0) continue;
    images_[static_cast<int64_t>(place)].copy_(incoming[i]);
    // Places are filled in their order.
    count_.clamp_(place + 1);
  }
}

std::map<std::string, Tensor> ImagePool::state(const std::string& name) const {
  if (size() == 0) return {};
  return {{name, images_}, {name + "_count", count_}};
}

}  // namespace dgl
