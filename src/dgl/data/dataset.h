#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/files.h"

namespace dgl {

/// The header of a packed set (docs/formats.md).
struct DatasetInfo {
  int64_t count = 0;
  int64_t resolution = 0;            ///< side of the square images in pixels
  int64_t channels = 0;              ///< 1 (gray) or 3 (RGB)
  std::vector<std::string> classes;  ///< names of the labels 0 … k-1; empty if the set has no labels
  std::string resize;                ///< how images were resized to `resolution`; "none" if they were not
  std::string source;                ///< name of the source, informational
};

/// A packed set of images (`.dgldata`), memory-mapped, immutable and safe to read from several threads.
class Dataset {
 public:
  /// Throws Error if the file is missing, has another format, is truncated, or does not match its header.
  explicit Dataset(const std::filesystem::path& path);

  const DatasetInfo& info() const { return info_; }
  const std::filesystem::path& path() const { return file_.path(); }
  bool labeled() const { return !info_.classes.empty(); }

  /// Returns the number of images of each label; its length is the number of classes.
  const std::vector<int64_t>& label_counts() const { return label_counts_; }

  /// Returns the images [n, C, R, R] uint8 (contiguous) at the given indices, each in 0 … count-1.
  torch::Tensor images(const std::vector<int64_t>& indices) const;
  /// Returns the labels [n] int64 at the given indices. Throws Error if the set is unlabeled.
  torch::Tensor labels(const std::vector<int64_t>& indices) const;

 private:
  MappedFile file_;
  DatasetInfo info_;
  const uint8_t* pixels_ = nullptr;
  const int32_t* labels_ = nullptr;
  std::vector<int64_t> label_counts_;
};

/// Returns the indices of all of `count` images or, if there are more, of `most` at equal intervals: sets are often
/// sorted.
std::vector<int64_t> evenly_spaced(int64_t count, int64_t most);

/// Converts uint8 images 0 … 255 to float32 in -1 … 1 (x / 127.5 - 1), the range that all networks use.
torch::Tensor to_unit_range(const torch::Tensor& images_u8);

/// Converts float images in -1 … 1 to uint8 0 … 255: round(x * 127.5 + 127.5), clamped. Viewers and metrics see these
/// bytes. Throws Error if a value is not finite.
torch::Tensor to_bytes(const torch::Tensor& images);

}  // namespace dgl
