#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/data/dataset.h"
#include "dgl/data/resize.h"
#include "dgl/data/source.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/reconstruction.h"
#include "dgl/nn/sampling.h"
#include "dgl/report/image_grid.h"

namespace dgl {

namespace {

struct ReconstructArguments {
  std::string model, images, out;
  bool overwrite = false;
};

/// Throws Error (naming `origin`) for images whose sides the model cannot take.
void check_sides(const Sampler& sampler, int64_t height, int64_t width, const std::string& origin) {
  const int64_t multiple = sampler.input_multiple();
  const ImageShape own = *sampler.spec().input;
  if (multiple == 0 ? height == own.height && width == own.width : height % multiple == 0 && width % multiple == 0) {
    return;
  }
  fail("{}: {} x {} pixels, expected {}", origin, width, height,
       multiple == 0 ? fmt::format("{} x {}", own.width, own.height) : fmt::format("multiples of {}", multiple));
}

/// Reads image `i` as [1, C, H, W] bytes.
torch::Tensor read_image(const Source& source, int64_t i, int64_t channels) {
  const SourceImage image = with_channels(source.read(i), channels);
  const torch::Tensor pixels = torch::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                                {1, image.height, image.width, channels}, torch::kByte);
  return pixels.permute({0, 3, 1, 2}).contiguous();
}

/// Where the reconstruction of an image goes: its own path in the folder, as PNG.
fs::path target_of(const ReconstructArguments& arguments, const Source& source, int64_t i) {
  fs::path inner = fs::path(source.name(i)).lexically_relative(arguments.images);
  return fs::path(arguments.out) / inner.replace_extension(".png");
}

void run_folder(const ReconstructArguments& arguments, Sampler& sampler, const DrawOptions& options, bool quiet) {
  const auto source = open_image_folder(arguments.images, /*labels=*/false);
  if (!source) fail("{}: expected a folder of images or a .safetensors file", arguments.images);
  const int64_t channels = sampler.spec().input->channels;
  for (int64_t i = 0; i < source->count(); ++i) {  // before anything is written
    const SourceImage image = source->describe(i);
    check_sides(sampler, image.height, image.width, source->name(i));
    refuse_existing(target_of(arguments, *source, i), arguments.overwrite);
  }
  double psnr = 0;
  for (int64_t i = 0; i < source->count(); ++i) {
    const torch::Tensor image = read_image(*source, i, channels);
    const torch::Tensor made = to_bytes(sample_images(sampler, {{}, {}, to_unit_range(image)}, options));
    psnr += peak_signal_to_noise(image, made).item<double>();
    const fs::path target = target_of(arguments, *source, i);
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (error) fail("{}: cannot be made: {}", target.parent_path().string(), error.message());
    write_grid(target, made, 1);
  }
  if (quiet) return;
  fmt::print("{}: {} images, PSNR {:.2f} dB\n", arguments.out, source->count(),
             psnr / static_cast<double>(source->count()));
}

void run_tensors(const ReconstructArguments& arguments, Sampler& sampler, const DrawOptions& options, bool quiet) {
  refuse_existing(arguments.out, arguments.overwrite);
  const torch::Tensor images = load_safetensors(arguments.images).at("images", arguments.images);
  const int64_t channels = sampler.spec().input->channels;
  if (images.dim() != 4 || images.numel() == 0 || images.size(1) != channels || !images.is_floating_point()) {
    fail("{}: tensor images: expected float32 [N, {}, H, W]", arguments.images, channels);
  }
  check_sides(sampler, images.size(2), images.size(3), arguments.images + ": tensor images");
  const torch::Tensor made = sample_images(sampler, {{}, {}, images.to(torch::kFloat)}, options);
  save_safetensors(arguments.out, {{{"images", made}}, {}});
  if (quiet) return;
  const double psnr = peak_signal_to_noise(to_bytes(images), to_bytes(made)).mean().item<double>();
  fmt::print("{}: {} images, PSNR {:.2f} dB\n", arguments.out, made.size(0), psnr);
}

void run(const ReconstructArguments& arguments, const CommonOptions& common) {
  const torch::NoGradGuard no_grad;
  DrawOptions options;
  options.device = parse_device(common.device);
  const NetworkSet model = load_model(arguments.model);
  const Family& family = family_of(model, arguments.model);
  if (!family.reconstructs()) fail("{}: a {} reconstructs no images; expected a vae", arguments.model, family.name());
  const auto sampler = sampler_of(model, arguments.model);
  model.to(options.device);
  const bool tensors = fs::path(arguments.images).extension() == ".safetensors";
  if (tensors != (fs::path(arguments.out).extension() == ".safetensors")) {
    throw UsageError("reconstruct: --images and --out are both folders or both .safetensors files");
  }
  (tensors ? run_tensors : run_folder)(arguments, *sampler, options, common.quiet);
}

}  // namespace

void add_reconstruct(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("reconstruct", "Encode and decode images by an autoencoder");
  auto a = std::make_shared<ReconstructArguments>();
  command->add_option("--model", a->model, "Model file of a vae")->required();
  command
      ->add_option("--images", a->images,
                   "Folder of PNG and JPEG files, or safetensors file with a tensor images [N, C, H, W] in -1 … 1")
      ->required();
  command->add_option("--out", a->out, "Folder, for PNG files of the same names, or safetensors file to write")
      ->required();
  command->add_flag("--overwrite", a->overwrite, "Replace existing files");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
