#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/data/opened_set.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/dataset_statistics.h"

namespace dgl {

namespace {

struct FeaturesArguments {
  std::string images, features, out;
  bool clean = false, overwrite = false;
};

void run(const FeaturesArguments& arguments, const CommonOptions& common) {
  refuse_existing(arguments.out, arguments.overwrite);
  const auto device = parse_device(common.device);
  Progress progress(common.quiet);
  const auto network = load_feature_network(arguments.features, arguments.clean);
  network->to(device);
  const auto set = open_set(arguments.images, 0, [&](const std::string& line) { progress.print(line); });
  std::vector<torch::Tensor> features, logits, labels;
  const double start = now_seconds();
  for_each_batch(*set, kStatisticsBatch, [&](const torch::Tensor& images, const torch::Tensor& batch, int64_t done) {
    const Activations found = network->activations(images.to(device));
    features.push_back(found.features.cpu());
    if (found.logits.defined()) logits.push_back(found.logits.cpu());
    if (batch.defined()) labels.push_back(batch);
    progress.update(progress_bar("images", done, set->info().count, now_seconds() - start));
  });
  TensorFile file{{{"features", at::cat(features)}}, {}};
  if (!logits.empty()) file.tensors["logits"] = at::cat(logits);
  if (!labels.empty()) file.tensors["labels"] = at::cat(labels);
  file.metadata["dgl_features"] =
      nlohmann::json({{"distance", network->distance_name()}, {"resize", set->info().resize}}).dump();
  save_safetensors(arguments.out, file);
  fmt::print("{}: {} features of each of {} images, for {}\n", arguments.out, network->dimensions(), set->info().count,
             network->distance_name());
}

}  // namespace

void add_features(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("features", "Write the features of images, which dgl metrics compares");
  auto a = std::make_shared<FeaturesArguments>();
  command
      ->add_option("--images", a->images,
                   "A packed set, or a folder or archive of images as dgl prepare reads them, which are not resized")
      ->required();
  command
      ->add_option("--features", a->features,
                   "Feature network: for example assets/mnist32-features.safetensors, or Inception's weights")
      ->required();
  command->add_option("--out", a->out, "Safetensors file with features [N, d], logits [N, k] and labels [N], if any")
      ->required();
  command->add_flag("--clean-fid", a->clean, "Resize images for the Inception network as clean-fid does");
  command->add_flag("--overwrite", a->overwrite, "Replace an existing file");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
