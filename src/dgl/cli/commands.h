#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/recipe/recipe.h"

namespace dgl {

/// Options that every subcommand takes.
struct CommonOptions {
  std::string device = "auto";
  int threads = 0;
  bool quiet = false;
  int status = 0;  ///< exit status of the subcommand that ran
};

/// Each function adds one subcommand to `app`; its work is in the callback, which throws Error. Each is in a file of
/// its own (src/dgl/cli/NAME.cpp).
using Register = void (*)(CLI::App& app, CommonOptions& common);

void add_prepare(CLI::App& app, CommonOptions& common);
void add_train(CLI::App& app, CommonOptions& common);
void add_compress(CLI::App& app, CommonOptions& common);
void add_boost(CLI::App& app, CommonOptions& common);
void add_resume(CLI::App& app, CommonOptions& common);
void add_sample(CLI::App& app, CommonOptions& common);
void add_score(CLI::App& app, CommonOptions& common);
void add_eval(CLI::App& app, CommonOptions& common);
void add_features(CLI::App& app, CommonOptions& common);
void add_metrics(CLI::App& app, CommonOptions& common);
void add_profile(CLI::App& app, CommonOptions& common);
void add_import(CLI::App& app, CommonOptions& common);
void add_export(CLI::App& app, CommonOptions& common);
void add_bench(CLI::App& app, CommonOptions& common);
void add_report(CLI::App& app, CommonOptions& common);
void add_study(CLI::App& app, CommonOptions& common);
void add_reconstruct(CLI::App& app, CommonOptions& common);
void add_translate(CLI::App& app, CommonOptions& common);
void add_apply(CLI::App& app, CommonOptions& common);
void add_project(CLI::App& app, CommonOptions& common);
void add_docs(CLI::App& app, CommonOptions& common);

/// What the commands that train share: a recipe, changes to it, and where the run goes.
struct RunOptions {
  std::string recipe, data, data_b, out, features;
  std::vector<std::string> overrides;
  std::string precision;
  int64_t seed = -1;
  bool overwrite = false;
};

/// Adds the options of `options` to a command.
void add_run_options(CLI::App& command, RunOptions& options, bool recipe_required);

/// The recipe of `options`, or of `text` if no recipe file was given, with all its changes and the [run] table filled
/// in. Throws Error as load_recipe() does.
Recipe resolve_recipe(const RunOptions& options, const CommonOptions& common, const std::string& command,
                      const std::string& text = "", const std::string& origin = "");

/// The recipe, as TOML, that makes networks as a model has them: its own, if it says how it was trained, without how a
/// student of it would start; else its family's defaults. Throws Error for networks that no recipe makes.
std::string recipe_of_model(const std::string& file, bool quiet);

/// Checks that an option is a number from `low` to `high`; CLI11's own checks let nan pass.
CLI::Validator within(double low, double high);

}  // namespace dgl
