#include <cstdint>
#include <memory>
#include <string>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/map_images.h"
#include "dgl/families/model_file.h"

namespace dgl {

namespace {

void run(const MapImagesOptions& options, const std::string& direction, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const NetworkSet model = load_model(options.model);
  const auto sampler = translator_of(model, direction, options.model);
  model.to(device);
  const int64_t count = map_images(options, *sampler, device, "translate");
  if (!common.quiet) fmt::print("{}: {} images\n", options.out, count);
}

}  // namespace

void add_translate(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("translate", "Translate images from one domain to the other by a CycleGAN");
  auto options = std::make_shared<MapImagesOptions>();
  auto direction = std::make_shared<std::string>();
  add_map_images_options(*command, *options, "Model file of a cyclegan");
  command->add_option("--direction", *direction, "Direction: a_to_b, or b_to_a (the former by default)");
  command->callback([options, direction, &common] { run(*options, *direction, common); });
}

}  // namespace dgl
