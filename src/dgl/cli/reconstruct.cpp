#include <cstdint>
#include <memory>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/map_images.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/reconstruction.h"

namespace dgl {

namespace {

void run(const MapImagesOptions& options, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const NetworkSet model = load_model(options.model);
  const Family& family = family_of(model, options.model);
  if (!family.reconstructs()) fail("{}: a {} reconstructs no images; expected a vae", options.model, family.name());
  const auto sampler = sampler_of(model, options.model);
  model.to(device);
  double psnr = 0;
  const int64_t count = map_images(options, *sampler, device, "reconstruct", [&](const auto& images, const auto& made) {
    psnr += peak_signal_to_noise(images, made).sum().template item<double>();
  });
  if (common.quiet) return;
  fmt::print("{}: {} images, PSNR {:.2f} dB\n", options.out, count, psnr / static_cast<double>(count));
}

}  // namespace

void add_reconstruct(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("reconstruct", "Encode and decode images by an autoencoder");
  auto options = std::make_shared<MapImagesOptions>();
  add_map_images_options(*command, *options, "Model file of a vae");
  command->callback([options, &common] { run(*options, common); });
}

}  // namespace dgl
