#include "dgl/data/dataset.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/data/packed.h"

namespace dgl {

namespace {

void check_index(int64_t index, int64_t count, const std::string& origin) {
  if (index < 0 || index >= count) fail_file("{}: no image {}; it has {}", origin, index, count);
}

/// The path of a packed set. Throws Error for a folder of images, which wants to be packed.
const std::filesystem::path& packed_at(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    fail_file("{}: a folder; expected a packed set, which `dgl prepare` makes of a folder of images", path.string());
  }
  return path;
}

}  // namespace

Dataset::Dataset(const std::filesystem::path& path) : file_(packed_at(path)) {
  const PackedLayout layout = read_packed_layout(file_.data(), file_.size(), path.string());
  info_ = layout.info;
  pixels_ = file_.data() + layout.pixels;
  if (!labeled()) return;
  labels_ = reinterpret_cast<const int32_t*>(file_.data() + layout.labels);
  label_counts_.resize(info_.classes.size());
  for (int64_t i = 0; i < info_.count; ++i) {
    if (labels_[i] < 0 || labels_[i] >= static_cast<int64_t>(info_.classes.size())) {
      fail_file("{}: label {} of image {}: expected 0 to {}", path.string(), labels_[i], i, info_.classes.size() - 1);
    }
    ++label_counts_[static_cast<size_t>(labels_[i])];
  }
}

torch::Tensor Dataset::images(const std::vector<int64_t>& indices) const {
  const int64_t c = info_.channels, r = info_.resolution, bytes = c * r * r;
  torch::Tensor out = torch::empty({static_cast<int64_t>(indices.size()), c, r, r}, torch::kByte);
  auto* to = out.data_ptr<uint8_t>();
  for (const int64_t index : indices) {
    check_index(index, info_.count, path().string());
    std::memcpy(to, pixels_ + index * bytes, static_cast<size_t>(bytes));
    to += bytes;
  }
  return out;
}

torch::Tensor Dataset::labels(const std::vector<int64_t>& indices) const {
  if (!labeled()) fail_file("{}: the set has no labels", path().string());
  torch::Tensor out = torch::empty({static_cast<int64_t>(indices.size())}, torch::kLong);
  auto* to = out.data_ptr<int64_t>();
  for (const int64_t index : indices) {
    check_index(index, info_.count, path().string());
    *to++ = labels_[index];
  }
  return out;
}

std::vector<int64_t> evenly_spaced(int64_t count, int64_t most) {
  const int64_t kept = std::min(count, most);
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < kept; ++i) indices.push_back(i * count / kept);
  return indices;
}

torch::Tensor to_unit_range(const torch::Tensor& images_u8) {
  return images_u8.to(torch::kFloat, /*non_blocking=*/false, /*copy=*/true).mul_(1 / 127.5).sub_(1);
}

torch::Tensor to_bytes(const torch::Tensor& images) {
  if (!images.isfinite().all().item<bool>()) fail_file("images: there are values that are not finite");
  return (images * 127.5 + 127.5).round().clamp(0, 255).to(torch::kByte);
}

}  // namespace dgl
