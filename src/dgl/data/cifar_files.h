#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/formats/bytes.h"

namespace dgl {

constexpr int64_t kCifarSide = 32, kCifarBytes = 3 * kCifarSide * kCifarSide;

/// An image of CIFAR's: three planes of 32 x 32 bytes.
struct CifarImage {
  const uint8_t* pixels;
  int32_t label;
};

/// How CIFAR-10 or CIFAR-100 is kept.
struct CifarKind {
  bool python;         ///< pickles of Python's version, or the records of the binary version
  int32_t labels;      ///< 10 or 100
  const char* folder;  ///< that its archive unpacks to
  /// The files of training images, the test images, and the names of labels; the last is empty if they are known.
  std::vector<std::string> training;
  std::string test, names;
};

/// All kinds, as cs.toronto.edu/~kriz/cifar.html offers them.
const std::vector<CifarKind>& cifar_kinds();

/// The images of one file, which are parts of the value that is returned first. Throws Error, naming `origin`.
std::shared_ptr<const void> read_cifar_images(const CifarKind& kind, const Bytes& file, const std::string& origin,
                                              std::vector<CifarImage>& images);

/// The labels' names from the file `kind.names`. Throws Error, naming `origin`.
std::vector<std::string> read_cifar_names(const CifarKind& kind, const Bytes& file, const std::string& origin);

}  // namespace dgl
