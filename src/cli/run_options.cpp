#include <filesystem>

#include "base/error.h"
#include "cli/commands.h"

namespace dgl {

namespace fs = std::filesystem;

namespace {

/// `path` as it stands, or beside the recipe, or beside the recipe's folder (recipes name files of the project's root).
std::string find_beside(const std::string& path, const std::string& recipe) {
  if (path.empty() || fs::exists(path)) return path;
  const fs::path folder = fs::absolute(recipe.empty() ? "." : recipe).parent_path();
  for (const fs::path& base : {folder, folder.parent_path()}) {
    if (fs::exists(base / path)) return (base / path).string();
  }
  return path;
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

}  // namespace

void add_run_options(CLI::App& command, RunOptions& options, bool recipe_required) {
  auto* recipe = command.add_option("--recipe", options.recipe, "settings, a TOML file (recipes/*.toml)");
  if (recipe_required) recipe->required();
  command.add_option("--data", options.data, "the images: a packed set made by dgl prepare")->required();
  command.add_option("--out", options.out, "the run directory to make")->required();
  command.add_option("--features", options.features, "feature network that the distance is tracked with");
  command.add_option("--set", options.overrides, "a recipe key: --set training.batch=16 (any number of times)")
      ->allow_extra_args(false);
  command.add_option("--seed", options.seed, "of all randomness")->check(CLI::NonNegativeNumber);
  command.add_option("--precision", options.precision, "of feature maps and convolutions: fp32 or bf16");
  command.add_flag("--overwrite", options.overwrite, "replace an earlier run in --out");
}

Recipe resolve_recipe(const RunOptions& options, const CommonOptions& common, const std::string& command,
                      const std::string& text, const std::string& origin) {
  std::vector<std::string> overrides = options.overrides;
  if (options.seed >= 0) overrides.push_back(fmt::format("training.seed={}", options.seed));
  if (!options.precision.empty()) overrides.push_back("training.precision=" + options.precision);
  Recipe recipe = options.recipe.empty() ? parse_recipe(text, origin, overrides)
                                         : load_recipe(options.recipe, overrides);
  recipe.command = command;
  recipe.data = absolute(options.data);
  recipe.run_features =
      absolute(options.features.empty() ? find_beside(recipe.feature_file, options.recipe) : options.features);
  recipe.device = common.device;
  recipe.threads = common.threads;
  return recipe;
}

}  // namespace dgl
