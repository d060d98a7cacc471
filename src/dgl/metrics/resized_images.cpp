#include "dgl/metrics/resized_images.h"

#include <cstdint>
#include <functional>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl {

torch::Tensor each_resized(const torch::Tensor& images_u8,
                           const std::function<torch::Tensor(const SourceImage& image)>& resize) {
  const torch::Tensor images = images_u8.cpu().permute({0, 2, 3, 1}).contiguous();  // as SourceImage has them
  std::vector<torch::Tensor> made;
  for (int64_t i = 0; i < images.size(0); ++i) {
    const torch::Tensor one = images[i];
    const auto* first = one.data_ptr<uint8_t>();
    const SourceImage image{one.size(0), one.size(1), one.size(2), {first, first + one.numel()}};
    made.push_back(resize(image).to(torch::kFloat));
  }
  return at::stack(made).permute({0, 3, 1, 2}).contiguous().to(images_u8.device());
}

}  // namespace dgl
