#pragma once

#include <cstdint>
#include <string>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/cli/drawing.h"
#include "dgl/formats/gif_film.h"

namespace dgl {

/// Where a command's images go, by the name that --out gives: NAME.png, a grid; NAME.gif, a film; NAME.safetensors, a
/// tensor images and, if there are any, labels; a name without an ending, a folder with one PNG an image, 000000.png
/// and so on.
class ImageOutput {
 public:
  /// Throws Error for another ending, or if the file exists and is not to be replaced.
  ImageOutput(const std::string& out, bool overwrite, const GifOptions& gif);

  /// Throws Error if `drawing` cannot go there: files of a folder that are there already, or a grid elsewhere than into
  /// a PNG.
  void check(const Drawing& drawing) const;
  /// Writes a drawing's images [N, C, H, W] in about -1 … 1.
  void write(const Drawing& drawing, const torch::Tensor& images) const;

 private:
  fs::path image_file(int64_t i) const;

  fs::path out_;
  std::string ending_;
  bool overwrite_;
  GifOptions gif_;
};

}  // namespace dgl
