#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/data/npm_package.h"

namespace dgl {

/// One image of a source: uint8 [height, width, channels], channels 1 or 3.
struct SourceImage {
  int64_t height = 0, width = 0, channels = 0;
  std::vector<uint8_t> pixels;
  int32_t label = 0;
  int orientation = 1;  ///< as EXIF numbers it, 1 … 8: how the file kept the image, which is upright here
};

/// A set of images in a foreign format. Its functions can be called from several threads.
class Source {
 public:
  virtual ~Source() = default;
  virtual int64_t count() const = 0;
  /// Returns the names of the labels; empty if there are none.
  virtual std::vector<std::string> classes() const = 0;
  /// Returns image `i`, 0 … count() - 1. Throws Error, naming the image's file.
  virtual SourceImage read(int64_t i) const = 0;
  /// Returns height, width, channels and label of image `i`, without decoding it if possible. The pixels may be
  /// missing.
  virtual SourceImage describe(int64_t i) const { return read(i); }
  /// Returns the name of image `i` for messages.
  virtual std::string name(int64_t i) const = 0;
  /// Returns lines for the user about what was found and how it was understood.
  virtual std::vector<std::string> notes() const { return {}; }
  /// True if the images show shapes on an empty (0) background. Small images are then padded, not enlarged.
  virtual bool padded() const { return false; }
};

/// Each function opens its argument if it has the format, and returns null if not. Throws Error if the format is
/// recognized but the data are damaged.
std::unique_ptr<Source> open_digits_json(const NpmPackage& package);
/// Names of the artists whose emoji open_emoji() reads.
std::vector<std::string> emoji_vendors();
/// `skin_tones` includes the variants of every skin tone and the skin tones themselves. `vendor` is one of
/// emoji_vendors(), or "" for the first whose images the package has. Emoji have the order of the package's index,
/// which is the same for all vendors.
std::unique_ptr<Source> open_emoji(const NpmPackage& package, bool skin_tones, const std::string& vendor = "");
std::unique_ptr<Source> open_idx(const std::filesystem::path& path);
/// CIFAR-10 or CIFAR-100 of the binary version or of Python's: an archive as it is offered, a folder with its files or
/// with the folder that it unpacks to, or a file of it. Of more than one file, those of training images are taken.
std::unique_ptr<Source> open_cifar(const NpmPackage& package);
/// A folder of images or a zip archive of one. With `labels` these are those of NVIDIA's dataset.json at its top, or
/// else the top-level folders.
std::unique_ptr<Source> open_image_folder(const std::filesystem::path& path, bool labels);

}  // namespace dgl
