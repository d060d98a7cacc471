#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/files.h"

namespace dgl {

/// What stands in the header of a packed set (docs/formats.md).
struct DatasetInfo {
  int64_t count = 0;
  int64_t resolution = 0;            ///< square images, in pixels
  int64_t channels = 0;              ///< 1 (gray) or 3 (RGB)
  std::vector<std::string> classes;  ///< names of the labels 0 … k-1; empty where the set has no labels
  std::string resize;                ///< how images of other sizes were brought to `resolution`; "none" if none was
  std::string source;                ///< what it was made from, for people
};

/// A packed set of images (`.dgldata`), memory-mapped, immutable and safe to read from several threads.
class Dataset {
 public:
  /// Error if the file is missing, of another format, truncated, or inconsistent with its header.
  explicit Dataset(const std::filesystem::path& path);

  const DatasetInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return file_.path(); }
  bool labeled() const { return !info_.classes.empty(); }

  /// How many images each label has, as many as there are classes.
  const std::vector<int64_t>& label_counts() const { return label_counts_; }

  /// Images [n, C, R, R] uint8 (contiguous) of the given indices, each in 0 … count-1.
  torch::Tensor images(const std::vector<int64_t>& indices) const;
  /// Labels [n] int64 of the given indices; Error for an unlabeled set.
  torch::Tensor labels(const std::vector<int64_t>& indices) const;

 private:
  MappedFile file_;
  DatasetInfo info_;
  const uint8_t* pixels_ = nullptr;
  const int32_t* labels_ = nullptr;
  std::vector<int64_t> label_counts_;
};

/// uint8 images 0 … 255 as float32 in -1 … 1 (x / 127.5 - 1), the range that all networks here work in.
torch::Tensor to_unit_range(const torch::Tensor& images_u8);

/// float images in -1 … 1 as uint8 0 … 255: round(x * 127.5 + 127.5), clamped; what a viewer or a metric sees. Error
/// for values that are not finite, which have no byte.
torch::Tensor to_bytes(const torch::Tensor& images);

}  // namespace dgl
