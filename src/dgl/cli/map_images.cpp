#include "dgl/cli/map_images.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/data/resize.h"
#include "dgl/data/source.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/sampling.h"
#include "dgl/report/image_grid.h"

namespace dgl {

namespace {

/// Throws Error (naming `origin`) for images whose sides the model cannot take.
void check_sides(const Sampler& sampler, int64_t height, int64_t width, const std::string& origin) {
  const int64_t multiple = sampler.input_multiple(), smallest = sampler.smallest_input();
  const ImageShape own = *sampler.spec().input;
  const auto fits = [&](int64_t side) { return side % multiple == 0 && side >= smallest; };
  if (multiple == 0 ? height == own.height && width == own.width : fits(height) && fits(width)) return;
  std::string expected = fmt::format("{} x {}", own.width, own.height);
  if (multiple > 0) expected = fmt::format("multiples of {}", multiple);
  if (smallest > multiple) expected += fmt::format(" from {} on", smallest);
  fail("{}: {} x {} pixels, expected {}", origin, width, height, expected);
}

/// Reads image `i` as [1, C, H, W] bytes.
torch::Tensor read_image(const Source& source, int64_t i, int64_t channels) {
  const SourceImage image = with_channels(source.read(i), channels);
  const torch::Tensor pixels = torch::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                                {1, image.height, image.width, channels}, torch::kByte);
  // A copy: a gray image is in this order already, and the pixels are gone when this returns.
  return pixels.permute({0, 3, 1, 2}).clone(at::MemoryFormat::Contiguous);
}

/// Where what is made of an image goes: its own path in the folder, as PNG.
fs::path target_of(const MapImagesOptions& options, const Source& source, int64_t i) {
  fs::path inner = fs::path(source.name(i)).lexically_relative(options.images);
  return fs::path(options.out) / inner.replace_extension(".png");
}

std::unique_ptr<Source> open_folder(const MapImagesOptions& options) {
  if (!fs::is_directory(options.images)) fail("{}: expected a folder of images or a .safetensors file", options.images);
  return open_image_folder(options.images, /*labels=*/false);
}

/// Reads images [N, C, H, W] float32 that a sampler takes.
torch::Tensor read_tensors(const MapImagesOptions& options, const Sampler& sampler) {
  const torch::Tensor images = load_safetensors(options.images).at("images", options.images);
  const int64_t channels = sampler.spec().input->channels;
  if (images.dim() != 4 || images.numel() == 0 || images.size(1) != channels || !images.is_floating_point()) {
    fail("{}: tensor images: expected float32 [N, {}, H, W]", options.images, channels);
  }
  check_sides(sampler, images.size(2), images.size(3), options.images + ": tensor images");
  return images.to(torch::kFloat);
}

bool takes_tensors(const MapImagesOptions& options) { return fs::path(options.images).extension() == ".safetensors"; }

int64_t map_folder(const MapImagesOptions& options, Sampler& sampler, const DrawOptions& drawing,
                   const OnMapped& on_mapped) {
  const auto source = open_folder(options);
  const int64_t channels = sampler.spec().input->channels;
  for (int64_t i = 0; i < source->count(); ++i) {  // before anything is written
    const SourceImage image = source->describe(i);
    check_sides(sampler, image.height, image.width, source->name(i));
    refuse_existing(target_of(options, *source, i), options.overwrite);
  }
  for (int64_t i = 0; i < source->count(); ++i) {
    const torch::Tensor image = read_image(*source, i, channels);
    const torch::Tensor made = to_bytes(sample_images(sampler, {{}, {}, to_unit_range(image)}, drawing));
    if (on_mapped) on_mapped(image, made);
    const fs::path target = target_of(options, *source, i);
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (error) fail("{}: cannot be made: {}", target.parent_path().string(), error.message());
    write_grid(target, made, 1);
  }
  return source->count();
}

int64_t map_tensors(const MapImagesOptions& options, Sampler& sampler, const DrawOptions& drawing,
                    const OnMapped& on_mapped) {
  refuse_existing(options.out, options.overwrite);
  const torch::Tensor images = read_tensors(options, sampler);
  const torch::Tensor made = sample_images(sampler, {{}, {}, images}, drawing);
  save_safetensors(options.out, {{{"images", made}}, {}});
  if (on_mapped) on_mapped(to_bytes(images), to_bytes(made));
  return made.size(0);
}

}  // namespace

void add_map_images_options(CLI::App& command, MapImagesOptions& options, const std::string& model_help,
                            const std::string& more_out) {
  command.add_option("--model", options.model, model_help)->required();
  command
      .add_option("--images", options.images,
                  "Folder of images, or safetensors file with a tensor images [N, C, H, W] in -1 … 1")
      ->required();
  command
      .add_option("--out", options.out,
                  "Folder, for PNG files of the same names, or safetensors file to write" + more_out)
      ->required();
  command.add_flag("--overwrite", options.overwrite, "Replace existing files");
}

int64_t map_images(const MapImagesOptions& options, Sampler& sampler, torch::Device device, const std::string& command,
                   const OnMapped& on_mapped) {
  const torch::NoGradGuard no_grad;
  DrawOptions drawing;
  drawing.device = device;
  const bool tensors = takes_tensors(options);
  if (tensors != (fs::path(options.out).extension() == ".safetensors")) {
    throw UsageError(command + ": --images and --out are both folders or both .safetensors files");
  }
  return (tensors ? map_tensors : map_folder)(options, sampler, drawing, on_mapped);
}

torch::Tensor pick_images(const MapImagesOptions& options, const Sampler& sampler, int64_t most) {
  if (takes_tensors(options)) {
    const torch::Tensor images = read_tensors(options, sampler);
    return to_bytes(images.index_select(0, torch::tensor(evenly_spaced(images.size(0), most), torch::kLong)));
  }
  const auto source = open_folder(options);
  std::vector<torch::Tensor> images;
  for (const int64_t i : evenly_spaced(source->count(), most)) {
    images.push_back(read_image(*source, i, sampler.spec().input->channels));
    const int64_t height = images.back().size(2), width = images.back().size(3);
    check_sides(sampler, height, width, source->name(i));
    if (images.back().sizes() != images[0].sizes()) {
      fail("{}: {} x {} pixels, expected {} x {} as in {}: the images of a grid are of one size", source->name(i),
           width, height, images[0].size(3), images[0].size(2), source->name(0));
    }
  }
  return at::cat(images);
}

}  // namespace dgl
