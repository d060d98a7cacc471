#pragma once

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
};

/// A set of images in a foreign format. Its functions may be called from several threads.
class Source {
 public:
  virtual ~Source() = default;
  virtual int64_t count() const = 0;
  /// Names of the labels; empty where there are none.
  virtual std::vector<std::string> classes() const = 0;
  /// Image i of 0 … count() - 1. Error naming the file it comes from.
  virtual SourceImage read(int64_t i) const = 0;
  /// Height, width, channels and label of image i, where possible without decoding it; its pixels may be left out.
  virtual SourceImage describe(int64_t i) const { return read(i); }
  /// What image i is called in a message.
  virtual std::string name(int64_t i) const = 0;
  /// Whether the images are shapes on an empty (0) ground, which small ones are padded with in place of enlarging.
  virtual bool padded() const { return false; }
};

/// Each opens its argument if it looks like its format, and returns null if it does not. Error where it looks so, but
/// is damaged.
std::unique_ptr<Source> open_digits_json(const NpmPackage& package);
/// `skin_tones`: with the variants of every skin tone, and the tones themselves.
std::unique_ptr<Source> open_emoji(const NpmPackage& package, bool skin_tones);
std::unique_ptr<Source> open_idx(const std::filesystem::path& path);
std::unique_ptr<Source> open_cifar(const std::filesystem::path& path);
std::unique_ptr<Source> open_image_folder(const std::filesystem::path& path, bool labels);

}  // namespace dgl
