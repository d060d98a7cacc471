#include "dgl/guidance/fit_images.h"

#include <cstdint>

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

Tensor fit_images(const Tensor& images, int64_t channels, int64_t resolution) {
  Tensor fitted = images;
  if (fitted.size(1) == 3 && channels == 1) {
    const Tensor luma = at::tensor({0.299, 0.587, 0.114}, images.options().requires_grad(false)).view({1, 3, 1, 1});
    fitted = (fitted * luma).sum(1, /*keepdim=*/true);
  }
  const int64_t size = fitted.size(2);
  if (size > resolution) fitted = at::avg_pool2d(fitted, size / resolution);
  if (size < resolution) fitted = at::upsample_bilinear2d(fitted, {resolution, resolution}, /*align_corners=*/false);
  if (fitted.size(1) == 1 && channels == 3) fitted = fitted.expand({-1, 3, -1, -1});
  return fitted;
}

}  // namespace dgl
