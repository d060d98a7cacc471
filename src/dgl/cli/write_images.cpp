#include "dgl/cli/write_images.h"

#include <cmath>
#include <system_error>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/safetensors.h"
#include "dgl/report/image_grid.h"

namespace dgl {

ImageOutput::ImageOutput(const std::string& out, bool overwrite, const GifOptions& gif)
    : out_(out), ending_(out_.extension().string()), overwrite_(overwrite), gif_(gif) {
  if (!ending_.empty()) refuse_existing(out_, overwrite_);
  if (!ending_.empty() && ending_ != ".png" && ending_ != ".gif" && ending_ != ".safetensors") {
    fail("--out {}: expected a name that ends in .png, .gif or .safetensors, or a folder", out);
  }
}

fs::path ImageOutput::image_file(int64_t i) const { return out_ / fmt::format("{:06d}.png", i); }

void ImageOutput::check(const Drawing& drawing) const {
  if (drawing.is_grid && ending_ != ".png") {
    fail("--out {}: the images are those of one grid; expected a name that ends in .png", out_.string());
  }
  for (int64_t i = 0; ending_.empty() && i < drawing.count; ++i) refuse_existing(image_file(i), overwrite_);
}

void ImageOutput::write(const Drawing& drawing, const torch::Tensor& images) const {
  if (ending_ == ".png") {
    const auto square = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images.size(0)))));
    const auto cells =
        drawing.cells.empty() ? images : images.index_select(0, torch::tensor(drawing.cells, torch::kLong));
    return write_grid(out_, cells, drawing.columns > 0 ? drawing.columns : square);
  }
  if (ending_ == ".gif") {
    std::vector<torch::Tensor> pictures;
    for (int64_t i = 0; i < images.size(0); ++i) pictures.push_back(image_grid(images.slice(0, i, i + 1), 1));
    return write_file(out_, encode_gif(at::stack(pictures), gif_));
  }
  if (ending_ == ".safetensors") {
    TensorFile file{{{"images", images}}, {}};
    if (drawing.labels.defined()) file.tensors["labels"] = drawing.labels;
    return save_safetensors(out_, file);
  }
  std::error_code error;
  fs::create_directories(out_, error);
  if (error) fail("{}: cannot be made: {}", out_.string(), error.message());
  for (int64_t i = 0; i < images.size(0); ++i) write_grid(image_file(i), images.slice(0, i, i + 1), 1);
}

}  // namespace dgl
