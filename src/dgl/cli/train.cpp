#include <memory>

#include "dgl/cli/commands.h"
#include "dgl/training/classifier_run.h"
#include "dgl/training/train.h"

namespace dgl {

void add_train(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("train", "Train a teacher (or a feature network) from scratch");
  auto options = std::make_shared<RunOptions>();
  add_run_options(*command, *options, /*recipe_required=*/true);
  command->callback([options, &common] {
    const Recipe recipe = resolve_recipe(*options, common, "train");
    common.status = recipe.family_info().is_feature_network()
                        ? run_classifier(recipe, options->out, options->overwrite, common.quiet)
                        : start_run(recipe, options->out, options->overwrite, common.quiet);
  });
}

}  // namespace dgl
