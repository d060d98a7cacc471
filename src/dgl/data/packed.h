#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "dgl/base/files.h"
#include "dgl/data/dataset.h"

namespace dgl {

/// Writes a packed set image by image; the file appears whole at finish() or not at all.
///
/// The format: "DGLDATA1"; the header's length as a little-endian u64; a JSON header (DatasetInfo); zeros up to a
/// multiple of 4096; the pixels, uint8 [count, C, R, R]; zeros up to a multiple of 4; the labels, int32 little-endian
/// [count], where the set has classes.
class PackedWriter {
 public:
  /// `info` says how many images will come.
  PackedWriter(const std::filesystem::path& path, const DatasetInfo& info);
  /// Adds C * R * R bytes, planes first, and a label where the set has classes. Error for a label out of range.
  void add(const uint8_t* pixels, int32_t label);
  /// Error if another number of images came than `info` said.
  void finish();

 private:
  AtomicFile file_;
  DatasetInfo info_;
  std::vector<int32_t> labels_;
  int64_t added_ = 0;
};

/// Where the parts of a packed set lie.
struct PackedLayout {
  DatasetInfo info;
  uint64_t pixels = 0, labels = 0;  ///< offsets in the file; labels 0: none
};

/// Reads and checks the header of a packed set against the whole file. Error naming `origin`.
PackedLayout read_packed_layout(const uint8_t* data, uint64_t size, const std::string& origin);

}  // namespace dgl
