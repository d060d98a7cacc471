#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/map_images.h"
#include "dgl/families/model_file.h"
#include "dgl/report/image_grid.h"
#include "dgl/training/translations.h"

namespace dgl {

namespace {

/// Writes a grid of images beside their translations, and prints what its rows are.
void write_rows(const MapImagesOptions& options, const Translator& translator, const Family& family,
                const CommonOptions& common, torch::Device device) {
  constexpr int64_t kColumns = 8;
  refuse_existing(options.out, options.overwrite);
  const torch::Tensor images = pick_images(options, *translator.there, kColumns);
  write_grid(options.out, translation_rows(translator, images, device), images.size(0));
  if (common.quiet) return;
  fmt::print("{}: {} images; the rows, from the top: {}\n", options.out, images.size(0),
             fmt::join(translation_row_names(translator, family), ", "));
}

void run(const MapImagesOptions& options, const std::string& direction, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const NetworkSet model = load_model(options.model);
  const Translator translator = translator_of(model, direction, options.model);
  model.to(device);
  if (fs::path(options.out).extension() == ".png") {
    write_rows(options, translator, family_of(model, options.model), common, device);
    return;
  }
  const int64_t count = map_images(options, *translator.there, device, "translate");
  if (!common.quiet) fmt::print("{}: {} images\n", options.out, count);
}

}  // namespace

void add_translate(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("translate", "Translate images from one domain to the other by a CycleGAN");
  auto options = std::make_shared<MapImagesOptions>();
  auto direction = std::make_shared<std::string>();
  add_map_images_options(*command, *options, "Model file of a cyclegan",
                         ", or grid.png: rows of eight of the images, their translations, what comes back of these and "
                         "what the way back makes of the images themselves");
  command->add_option("--direction", *direction, "Direction: a_to_b, or b_to_a (the former by default)");
  command->callback([options, direction, &common] { run(*options, *direction, common); });
}

}  // namespace dgl
