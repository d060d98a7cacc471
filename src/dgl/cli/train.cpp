#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/paths.h"
#include "dgl/cli/commands.h"
#include "dgl/training/classifier_run.h"
#include "dgl/training/train.h"

namespace dgl {

namespace {

struct TrainOptions : RunOptions {
  std::string from;  // a model; "": random weights
};

}  // namespace

void add_train(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("train", "Train a teacher (or a feature network)");
  auto options = std::make_shared<TrainOptions>();
  add_run_options(*command, *options, /*recipe_required=*/false);
  command->add_option("--from", options->from,
                      "Model that training starts from, on these images; with its own recipe unless --recipe is given");
  command->callback([options, &common] {
    if (options->recipe.empty() && options->from.empty()) throw CLI::RequiredError("--recipe");
    const std::string text = options->recipe.empty() ? recipe_of_model(options->from, common.quiet) : "";
    Recipe recipe = resolve_recipe(*options, common, "train", text, options->from);
    recipe.run.from_model = absolute_path(options->from);
    if (!options->from.empty() && recipe.family_info().is_feature_network()) {
      throw UsageError("--from: a feature network is trained from scratch");
    }
    common.status = recipe.family_info().is_feature_network()
                        ? run_classifier(recipe, options->out, options->overwrite, common.quiet)
                        : start_run(recipe, options->out, options->overwrite, common.quiet);
  });
}

}  // namespace dgl
