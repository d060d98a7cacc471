#include "base/error.h"
#include "base/files.h"
#include "cli/commands.h"
#include "nets/import.h"

namespace dgl {

namespace {

struct ExportArguments {
  std::string model, out;
  bool overwrite = false;
};

void run(const ExportArguments& arguments, const CommonOptions& common) {
  const fs::path out = arguments.out;
  if (out.extension() != ".safetensors") {
    fail("--out {}: expected a name that ends in .safetensors, the only form that models are exported to", arguments.out);
  }
  refuse_existing(out, arguments.overwrite);
  const TensorFile file = export_rosinality(load_model(arguments.model), arguments.model);
  save_safetensors(out, file);
  if (!common.quiet) fmt::print("{}: {} tensors\n", arguments.out, file.tensors.size());
}

}  // namespace

void add_export(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("export", "write a model's tensors as another program names them");
  auto a = std::make_shared<ExportArguments>();
  command->add_option("--model", a->model, "a model file")->required();
  command->add_option("--to", "the program: stylegan2-pytorch")->check(CLI::IsMember({"stylegan2-pytorch"}));
  command->add_option("--out", a->out, "x.safetensors: g., g_ema., d. and the names of a state dict")->required();
  command->add_flag("--overwrite", a->overwrite, "replace a file that is there");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
