#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Options of a command that gives images to a model and writes what the model makes of them.
struct MapImagesOptions {
  std::string model, images, out;
  bool overwrite = false;
};

/// Adds them to a command. `model_help` says which models it takes, `more_out` what else it writes to --out.
void add_map_images_options(CLI::App& command, MapImagesOptions& options, const std::string& model_help,
                            const std::string& more_out = "");

/// Called with images [N, C, H, W] and what became of them, both uint8.
using OnMapped = std::function<void(const torch::Tensor& images, const torch::Tensor& made)>;

/// Gives the images of a folder, or of a safetensors file, to a sampler, and writes what it makes as PNG files of the
/// same names, or as a safetensors file. Checks the sides of all images before anything is written. Returns their
/// number. `command` is named in messages.
int64_t map_images(const MapImagesOptions& options, Sampler& sampler, torch::Device device, const std::string& command,
                   const OnMapped& on_mapped = {});

/// At most `most` of the images, evenly spaced, [n, C, H, W] uint8. Throws Error as map_images() does, and for images
/// of different sizes.
torch::Tensor pick_images(const MapImagesOptions& options, const Sampler& sampler, int64_t most);

}  // namespace dgl
