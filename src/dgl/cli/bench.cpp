#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/cli/commands.h"
#include "dgl/ops/kernel_set.h"
#include "dgl/recipe/labels.h"
#include "dgl/training/bench.h"

namespace dgl {

void add_bench(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("bench", "Measure seconds per phase of a training step and images per second");
  struct Arguments {
    std::string recipe, width = "1";
    std::vector<std::string> overrides;
    std::string precision;
    bool guided = false, json = false;
  };
  auto a = std::make_shared<Arguments>();
  command->add_option("--recipe", a->recipe, "Recipe, a TOML file")->required();
  command
      ->add_option("--width", a->width,
                   "Width of the generator, and of the discriminator unless the recipe sets another")
      ->capture_default_str();
  command->add_option("--set", a->overrides, "Recipe key to override, KEY=VALUE (can be repeated)")
      ->allow_extra_args(false);
  command->add_option("--precision", a->precision, "Precision of feature maps and convolutions: fp32 or bf16");
  command->add_flag("--guided", a->guided, "Include a full-width teacher's term in the generator's phase");
  command->add_flag("--json", a->json, "Print one JSON object");
  command->callback([a, &common] {
    if (!a->precision.empty()) a->overrides.push_back("training.precision=" + a->precision);
    const Recipe recipe = load_recipe(a->recipe, a->overrides);
    require_labels(recipe, a->recipe);
    nlohmann::json result =
        bench_step(recipe, Rational::parse(a->width, "--width"), a->guided, parse_device(common.device));
    result["kernels"] = ops::kernel_set();
    if (a->json) {
      fmt::print("{}\n", result.dump());
      return;
    }
    for (const auto& phase : result["phases"]) {
      const auto name = phase.get<std::string>();
      fmt::print("{:<8}{:>10.2f} ms\n", name, result[name].get<double>() * 1e3);
    }
    fmt::print("{:<8}{:>10.2f} ms\n", "step", result["step"].get<double>() * 1e3);
    fmt::print("{:.1f} images/s at batch {} on {} threads, {}, kernels for {}\n",
               result["images_per_second"].get<double>(), recipe.batch, result["threads"].get<int>(), recipe.precision,
               ops::kernel_set());
  });
}

}  // namespace dgl
