#include <cstdint>
#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/labels.h"
#include "dgl/families/model_file.h"

namespace dgl {

namespace {

struct ScoreArguments {
  std::string model, images, out;
  bool overwrite = false;
};

void run(const ScoreArguments& arguments, const CommonOptions& common) {
  torch::NoGradGuard no_grad;
  const auto device = parse_device(common.device);
  refuse_existing(arguments.out, arguments.overwrite);
  const NetworkSet model = load_model(arguments.model);
  Discriminator& discriminator = *discriminator_of(model, arguments.model);
  const TensorFile file = load_safetensors(arguments.images);
  const torch::Tensor images = file.at("images", arguments.images);
  const int64_t c = discriminator.channels(), r = discriminator.resolution();
  if (images.dim() != 4 || images.size(0) == 0 || images.size(1) != c || images.size(2) != r || images.size(3) != r ||
      !images.is_floating_point()) {
    fail("{}: tensor images: expected float32 [N, {}, {}, {}]", arguments.images, c, r, r);
  }
  torch::Tensor labels = read_labels(file, images.size(0), discriminator.classes(), arguments.images);
  if (discriminator.classes() > 0 && !labels.defined()) {
    fail("{}: has no tensor labels [N], which {} needs", arguments.images, arguments.model);
  }
  discriminator.to(device);
  if (labels.defined()) labels = labels.to(device);
  const torch::Tensor scores = discriminator.forward(images.to(device, torch::kFloat), labels, 1).cpu();
  save_safetensors(arguments.out, {{{"scores", scores}}, {}});
  if (!common.quiet)
    fmt::print("{}: {} scores, mean {:.4f}\n", arguments.out, scores.size(0), scores.mean().item<double>());
}

}  // namespace

void add_score(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("score", "Compute the discriminator's scores of images, as one batch");
  auto a = std::make_shared<ScoreArguments>();
  command->add_option("--model", a->model, "Model file")->required();
  command->add_option("--images", a->images, "Safetensors file with a tensor images [N, C, R, R] in -1 … 1")
      ->required();
  command->add_option("--out", a->out, "Safetensors file to write, with a tensor scores [N]")->required();
  command->add_flag("--overwrite", a->overwrite, "Replace an existing file");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
