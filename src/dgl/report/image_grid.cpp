#include "dgl/report/image_grid.h"

#include <png.h>

#include <algorithm>
#include <limits>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"

namespace dgl {

namespace {

std::string words(torch::IntArrayRef sizes) { return fmt::format("[{}]", fmt::join(sizes, ", ")); }

/// Converts images to uint8 on the CPU. Rounds (x + 1) * 127.5 to the nearest integer, which inverts u / 127.5 - 1
/// exactly.
torch::Tensor to_bytes(const torch::Tensor& images) {
  if (images.scalar_type() == torch::kUInt8) return images.detach().cpu();
  if (!images.is_floating_point()) {
    fail("image grid: expected float images in -1 ... 1, or uint8, got {}", torch::toString(images.scalar_type()));
  }
  const torch::Tensor values = images.detach().cpu().to(torch::kFloat32);
  if (!values.isfinite().all().item<bool>()) fail("image grid: the images hold values that are not finite");
  return (values * 127.5 + 128.0).clamp(0, 255).to(torch::kUInt8);
}

}  // namespace

torch::Tensor image_grid(const torch::Tensor& images, int64_t columns) {
  if (images.dim() != 4 || (images.size(1) != 1 && images.size(1) != 3) || images.numel() == 0) {
    fail("image grid: expected images [N, C, H, W] with C 1 or 3 and none of them 0, got {}", words(images.sizes()));
  }
  if (columns < 1) fail("image grid: expected 1 or more columns, got {}", columns);
  const int64_t n = images.size(0), channels = images.size(1), height = images.size(2), width = images.size(3);
  columns = std::min(columns, n);
  const int64_t rows = (n + columns - 1) / columns;
  torch::Tensor cells = torch::zeros({rows * columns, channels, height, width}, torch::kUInt8);
  cells.narrow(0, 0, n).copy_(to_bytes(images));
  return cells.view({rows, columns, channels, height, width})
      .permute({0, 3, 1, 4, 2})  // [row, H, column, W, C]
      .reshape({rows * height, columns * width, channels});
}

std::vector<uint8_t> encode_png(const torch::Tensor& picture) {
  if (picture.dim() != 3 || (picture.size(2) != 1 && picture.size(2) != 3) || picture.numel() == 0 ||
      picture.scalar_type() != torch::kUInt8) {
    fail("PNG: expected a picture [H, W, C] of uint8 with C 1 or 3 and none of them 0, got {} of {}",
         words(picture.sizes()), torch::toString(picture.scalar_type()));
  }
  // libpng counts the bytes of a picture with 32 bits.
  if (picture.numel() > std::numeric_limits<int32_t>::max() / 2) {
    fail("PNG: expected a picture of at most 1 GiB, got {}", words(picture.sizes()));
  }
  const torch::Tensor bytes = picture.detach().cpu().contiguous();
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(bytes.size(0));
  image.width = static_cast<png_uint_32>(bytes.size(1));
  image.format = bytes.size(2) == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::vector<uint8_t> file(size);
  if (!png_image_write_to_memory(&image, file.data(), &size, 0, bytes.data_ptr<uint8_t>(), 0, nullptr)) {
    fail("PNG: a picture {} cannot be encoded: {}", words(picture.sizes()), image.message);
  }
  file.resize(size);
  return file;
}

void write_grid(const std::filesystem::path& path, const torch::Tensor& images, int64_t columns, int64_t scale) {
  if (scale < 1 || scale > 64) fail("image grid: expected a scale of 1 to 64, got {}", scale);
  torch::Tensor picture = image_grid(images, columns);
  if (scale > 1) picture = picture.repeat_interleave(scale, 0).repeat_interleave(scale, 1);
  const std::vector<uint8_t> file = encode_png(picture);
  AtomicFile out(path);
  out.write(file.data(), file.size());
  out.commit();
}

}  // namespace dgl
