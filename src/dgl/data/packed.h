#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/files.h"
#include "dgl/data/dataset.h"

namespace dgl {

/// What a packed set begins with.
inline constexpr char kPackedMagic[] = "DGLDATA1";

/// Writes a packed set image by image. The file appears only when finish() has completed it. The format:
///
/// - "DGLDATA1"
/// - the header's length as a little-endian u64
/// - a JSON header (DatasetInfo), then zeros up to a multiple of 4096
/// - the pixels, uint8 [count, C, R, R]
/// - if the set has classes, zeros up to a multiple of 4, then the labels, int32 little-endian [count]
class PackedWriter {
 public:
  /// `info.count` is the number of images that will be added.
  PackedWriter(const std::filesystem::path& path, const DatasetInfo& info);
  /// Adds an image of C * R * R bytes, planes first, and its label if the set has classes. Throws Error if the label is
  /// out of range.
  void add(const uint8_t* pixels, int32_t label);
  /// Throws Error if the number of added images is not `info.count`.
  void finish();

 private:
  AtomicFile file_;
  DatasetInfo info_;
  std::vector<int32_t> labels_;
  int64_t added_ = 0;
};

/// The positions of the parts of a packed set.
struct PackedLayout {
  DatasetInfo info;
  uint64_t pixels = 0, labels = 0;  ///< offsets in the file; labels 0: no labels
};

/// Reads the header of a packed set and checks it against the size of the file. Throws Error, naming `origin`.
PackedLayout read_packed_layout(const uint8_t* data, uint64_t size, const std::string& origin);

}  // namespace dgl
