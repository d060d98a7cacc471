#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/import.h"

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/format_names.h"
#include "dgl/families/model_file.h"

namespace dgl {

namespace {

struct ImportArguments {
  std::vector<std::string> files;
  std::string out;
  ImportOptions options;
  bool overwrite = false;
};

void run(const ImportArguments& arguments, const CommonOptions& common) {
  torch::NoGradGuard no_grad;
  refuse_existing(arguments.out, arguments.overwrite);
  const NetworkSet model = import_model({arguments.files.begin(), arguments.files.end()}, arguments.options);
  save_model(arguments.out, model);
  if (common.quiet) return;
  const auto describe = [](const std::string& name, const std::shared_ptr<Network>& network) {
    if (!network) return;
    const nlohmann::json settings = network->settings();
    const int64_t labels = settings.value("classes", int64_t{0});
    fmt::print("{}: {} x {} x {}, {} parameters{}\n", name, settings.value("img_channels", int64_t{0}),
               settings.value("resolution", int64_t{0}), settings.value("resolution", int64_t{0}),
               network->cost().params, labels > 0 ? fmt::format(", {} labels", labels) : std::string());
  };
  for (const NetworkSlot& slot : model) {
    describe(slot.name, slot.network);
    describe("average of the " + slot.name, slot.average);
  }
  for (const auto& line : model.info["imported"].value("made_up", std::vector<std::string>())) {
    fmt::print("{}\n", line);
  }
  if (const auto left_out = model.info["imported"].find("left_out"); left_out != model.info["imported"].end()) {
    const auto names = (*left_out)["names"].get<std::vector<std::string>>();
    const auto count = (*left_out)["tensors"].get<int64_t>();
    fmt::print("{} left out: {}\n", count == 1 ? "1 tensor was" : fmt::format("{} tensors were", count),
               first_names(names));
  }
}

}  // namespace

void add_import(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("import", "Import a model that another program trained");
  auto a = std::make_shared<ImportArguments>();
  command
      ->add_option("files", a->files,
                   "Checkpoint of torch.save or safetensors file, or a folder of diffusers'; or two files, of "
                   "generator and discriminator, or of "
                   "encoder and "
                   "decoder; or those of a CycleGAN, latest_net_G_A.pth, latest_net_G_B.pth, latest_net_D_A.pth, "
                   "latest_net_D_B.pth, whose names say which is which")
      ->required();
  command->add_option("--out", a->out, "Model file to write")->required();
  command->add_option("--from", a->options.from, "Program that trained it (detected by default)")
      ->check(CLI::IsMember(format_names(/*only_exports=*/false)));
  command
      ->add_option("--minibatch-std-group", a->options.minibatch_std_group,
                   "Number of images per minibatch standard deviation group, which a checkpoint does not contain")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      ->add_option(
          "--resolution", a->options.resolution,
          "Side of the images of an autoencoder (256 otherwise) or a diffusion model (32, 64 or 256 otherwise, "
          "by its levels), which a checkpoint does not contain")
      ->check(CLI::Range(1, 4096));
  command->add_flag("--overwrite", a->overwrite, "Replace an existing file");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
