#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/cli/commands.h"
#include "dgl/families/import.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

namespace {

struct ExportArguments {
  std::string model, out, to;
  double psi = 1;
  bool overwrite = false;
};

void run(const ExportArguments& arguments, const CommonOptions& common) {
  const fs::path out = arguments.out;
  const std::string suffix = out.extension().string();
  if (suffix != ".onnx" && suffix != ".safetensors") {
    fail("--out {}: expected a name that ends in .onnx or .safetensors", arguments.out);
  }
  const bool onnx = suffix == ".onnx";
  if (!arguments.to.empty() && (arguments.to == "onnx") != onnx) {
    throw UsageError(fmt::format("--to {} writes a name that ends in {}, not --out {}", arguments.to,
                                 onnx ? ".safetensors" : ".onnx", arguments.out));
  }
  if (!onnx && arguments.psi != 1) throw UsageError("--psi is built into a generator that is exported to .onnx only");
  refuse_existing(out, arguments.overwrite);
  const Model model = load_model(arguments.model);
  if (onnx) {
    const Generator& generator = model.sampler(arguments.model);
    onnx_graph(generator, arguments.psi, model.info).save(out);
    if (!common.quiet) {
      fmt::print("{}: z [N, {}]{} -> images [N, {}, {}, {}]\n", arguments.out, generator.z_dim(),
                 generator.classes() > 0 ? ", labels [N]" : "", generator.channels(), generator.resolution(),
                 generator.resolution());
    }
    return;
  }
  const TensorFile file = export_rosinality(model, arguments.model);
  save_safetensors(out, file);
  if (!common.quiet) fmt::print("{}: {} tensors\n", arguments.out, file.tensors.size());
}

}  // namespace

void add_export(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("export", "write a model as another program reads it");
  auto a = std::make_shared<ExportArguments>();
  command->add_option("--model", a->model, "a model file")->required();
  command
      ->add_option("--to", a->to,
                   "onnx: the generator, for any ONNX runtime; stylegan2-pytorch: all tensors under its names "
                   "(by the name of --out)")
      ->check(CLI::IsMember({"onnx", "stylegan2-pytorch"}));
  command->add_option("--out", a->out, "x.onnx, or x.safetensors: g., g_ema., d. and the names of a state dict")
      ->required();
  command->add_option("--psi", a->psi, "truncation that is built into x.onnx: distance from the mean latent; 1: none")
      ->check(within(-10, 10))
      ->capture_default_str();
  command->add_flag("--overwrite", a->overwrite, "replace a file that is there");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
