#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/paths.h"
#include "dgl/cli/commands.h"
#include "dgl/families/model_file.h"
#include "dgl/families/model_settings.h"

namespace dgl {

void add_run_options(CLI::App& command, RunOptions& options, bool recipe_required) {
  auto* recipe = command.add_option("--recipe", options.recipe, "Recipe, a TOML file (recipes/*.toml)");
  if (recipe_required) recipe->required();
  command.add_option("--data", options.data, "Images, a packed set made by dgl prepare")->required();
  command.add_option("--data-b", options.data_b, "Packed set of the second domain, for a family that has two");
  command.add_option("--out", options.out, "Run directory to create")->required();
  command.add_option("--features", options.features, "Feature network of the tracked distance");
  command.add_option("--set", options.overrides, "Recipe key to override: --set training.batch=16 (can be repeated)")
      ->allow_extra_args(false);
  command.add_option("--seed", options.seed, "Random seed")->check(CLI::NonNegativeNumber);
  command.add_option("--precision", options.precision, "Precision of feature maps and convolutions: fp32 or bf16");
  command.add_flag("--overwrite", options.overwrite, "Replace an earlier run in --out");
}

std::string recipe_of_model(const std::string& file, bool quiet) {
  const NetworkSet model = load_model(file);
  const Family& family = family_of(model, file);
  if (model.info.contains("recipe") && model.info["recipe"].is_string()) {
    // What it says of a start is how the model came about, if that was a student itself, whose [network] was wider.
    Recipe own = parse_recipe(model.info["recipe"].get<std::string>(), file + ": its recipe").with_default_start();
    if (own.family == family.name()) describe_model(family, model, *own.network);
    return recipe_toml(own);
  }
  Recipe recipe(family.name(), file);
  recipe.network = Cloned<FamilySettings>(settings_of_model(family, model, file));
  if (!quiet) {
    fmt::print("{}: does not say how it was trained; its networks are the recipe's, all else is the default\n", file);
  }
  return recipe_toml(recipe);
}

Recipe resolve_recipe(const RunOptions& options, const CommonOptions& common, const std::string& command,
                      const std::string& text, const std::string& origin) {
  std::vector<std::string> overrides = options.overrides;
  if (options.seed >= 0) overrides.push_back(fmt::format("training.seed={}", options.seed));
  if (!options.precision.empty()) overrides.push_back("training.precision=" + options.precision);
  Recipe recipe =
      options.recipe.empty() ? parse_recipe(text, origin, overrides) : load_recipe(options.recipe, overrides);
  if (!options.data_b.empty() && recipe.family_info().domains().size() < 2) {
    throw UsageError(fmt::format("--data-b: a {} has one domain of data", recipe.family));
  }
  recipe.run.command = command;
  recipe.run.data = absolute_path(options.data);
  recipe.run.data_b = absolute_path(options.data_b);
  recipe.locate_files([&](const std::string& file) { return absolute_path(find_beside(file, options.recipe)); });
  if (!options.features.empty()) recipe.run.features = absolute_path(options.features);
  recipe.run.device = common.device;
  recipe.run.threads = common.threads;
  return recipe;
}

}  // namespace dgl
