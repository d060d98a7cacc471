#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/families/model_file.h"

namespace dgl {

namespace {

struct ApplyArguments {
  std::string model, network, inputs, out;
  bool overwrite = false;
};

void run(const ApplyArguments& arguments, const CommonOptions& common) {
  const torch::NoGradGuard no_grad;
  const auto device = parse_device(common.device);
  refuse_existing(arguments.out, arguments.overwrite);
  const NetworkSet model = load_model(arguments.model);
  Network& network = *slot_of(model, arguments.network, arguments.model).best();
  network.to(device);
  TensorFile inputs = load_safetensors(arguments.inputs);
  for (auto& [name, tensor] : inputs.tensors) tensor = tensor.to(device);
  TensorFile outputs;
  outputs.tensors = network.apply(inputs.tensors, arguments.inputs);
  for (auto& [name, tensor] : outputs.tensors) tensor = tensor.cpu().contiguous();
  save_safetensors(arguments.out, outputs);
  if (common.quiet) return;
  for (const auto& [name, tensor] : outputs.tensors) {
    fmt::print("{}: {} [{}]\n", arguments.out, name, fmt::join(tensor.sizes(), ", "));
  }
}

}  // namespace

void add_apply(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("apply", "Run one network of a model on tensors");
  auto a = std::make_shared<ApplyArguments>();
  command->add_option("--model", a->model, "Model file")->required();
  command
      ->add_option(
          "--network", a->network,
          "Its network: discriminator (images, labels to scores), encoder (images to moments, or to z), "
          "decoder (z to images), generator (z, labels to images), denoiser (x, sigma to denoised; images, t "
          "to output); of a cyclegan a_to_b and b_to_a (images to images), discriminator_a and discriminator_b "
          "(images to scores of patches)")
      ->required();
  command->add_option("--inputs", a->inputs, "Safetensors file with the network's inputs by name")->required();
  command->add_option("--out", a->out, "Safetensors file to write, with its outputs by name")->required();
  command->add_flag("--overwrite", a->overwrite, "Replace an existing file");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
