#include "dgl/families/import.h"

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/cli/commands.h"

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
  const Model model = import_model({arguments.files.begin(), arguments.files.end()}, arguments.options);
  save_model(arguments.out, model);
  if (common.quiet) return;
  const auto describe = [](const char* name, const auto& network) {
    if (!network) return;
    fmt::print("{}: {} x {} x {}, {} parameters{}\n", name, network->channels(), network->resolution(),
               network->resolution(), network->cost().params,
               network->classes() > 0 ? fmt::format(", {} labels", network->classes()) : std::string());
  };
  describe("generator", model.generator);
  describe("its average", model.generator_ema);
  describe("discriminator", model.discriminator);
}

}  // namespace

void add_import(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("import", "read a model that another program trained");
  auto a = std::make_shared<ImportArguments>();
  command
      ->add_option("files", a->files,
                   "a checkpoint of torch.save or a safetensors file; or two, of generator and "
                   "discriminator")
      ->required();
  command->add_option("--out", a->out, "the model file to write")->required();
  command->add_option("--from", a->options.from, "what trained it, where it must not be guessed")
      ->check(CLI::IsMember({"stylegan2-pytorch", "stylegan2-ada-pytorch", "biggan-pytorch"}));
  command
      ->add_option("--minibatch-std-group", a->options.minibatch_std_group,
                   "images whose deviation the discriminator sees together, which a checkpoint does not tell")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_flag("--overwrite", a->overwrite, "replace a file that is there");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
