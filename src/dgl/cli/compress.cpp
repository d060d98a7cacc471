#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/paths.h"
#include "dgl/base/runtime.h"
#include "dgl/cli/commands.h"
#include "dgl/data/dataset.h"
#include "dgl/recipe/labels.h"
#include "dgl/training/budget.h"
#include "dgl/training/train.h"

namespace dgl {

namespace {

/// What compress and boost add to the options of a run.
struct StudentOptions : RunOptions {
  std::vector<std::string> teachers;
  std::string width, from_stage1, schedule, weight;
  std::vector<double> lambdas;
  Budget budget;  // in place of a width
  double stage1_kimg = -1, stage2_kimg = -1;
  bool from_teacher = false;
};

void add_student_options(CLI::App& command, StudentOptions& options) {
  command
      .add_option("--teacher", options.teachers,
                  "Trained model whose discriminator guides the student (can be repeated)")
      ->required()
      ->allow_extra_args(false);
  add_run_options(command, options, /*recipe_required=*/false);
  command
      .add_option("--lambda", options.lambdas,
                  "Weight of the teacher's term in stage 2: one for all teachers, or one for each")
      ->check(within(0, 1e6))
      ->allow_extra_args(false);
  command.add_option("--schedule", options.schedule,
                     "Schedule of lambda over stage 2: constant, linear:0.2, cosine:0.2, decay:0.1, piecewise:0=0,1=1");
  command.add_option("--weight", options.weight,
                     "Per-teacher weight: uniform, score, gradient, last_layer, confidence or below_real");
  command.add_option("--from-stage1", options.from_stage1, "Run whose finished stage 1 is the start of this run");
  command
      .add_option("--stage1-kimg", options.stage1_kimg,
                  "Thousands of images in stage 1 (distillation, or the student alone)")
      ->check(within(0, 1e9));
  command.add_option("--stage2-kimg", options.stage2_kimg, "Thousands of images in stage 2 (guided)")
      ->check(within(0, 1e9));
}

/// Sets the width of a recipe's student so that it keeps within a budget, and whether its generators taper (see
/// Family::tapered()): of the shapes that keep within it, each at its largest width, the one with the most parameters.
/// Those of one time or of as many multiply-adds differ in parameters by a factor. A budget of parameters alone is left
/// to the width. Returns what was found, in words.
std::string fit_to_budget(Recipe& recipe, const Budget& budget, torch::Device device) {
  BudgetedWidth best = width_within(recipe, budget, device);
  std::string shape;
  if (budget.latency_ms > 0 || budget.macs > 0) {
    const Recipe given = recipe;
    for (auto& settings : recipe.family_info().tapered(*given.network)) {
      Recipe tapered = given;
      tapered.network = Cloned<FamilySettings>(std::move(settings));
      std::optional<BudgetedWidth> found;
      try {
        found = width_within(tapered, budget, device);
      } catch (const Error&) {
        continue;  // no width of this shape keeps within it
      }
      if (found->cost.params <= best.cost.params) continue;
      best = *found;
      recipe.network = tapered.network;
      shape = ", with fewer feature maps at fine resolutions";
    }
  }
  recipe.width = best.width.text();
  return budget_text(budget, best) + shape;
}

int run_student(StudentOptions& options, CommonOptions& common, const std::string& name) {
  const auto set = [&](const char* key, double value) {
    if (value >= 0) options.overrides.push_back(fmt::format("{}={}", key, value));
  };
  if (options.lambdas.size() > 1 && options.lambdas.size() != options.teachers.size()) {
    fail("--lambda: given {} times for {} teachers; expected once, or once for each", options.lambdas.size(),
         options.teachers.size());
  }
  if (options.stage1_kimg >= 0 && (options.from_teacher || !options.from_stage1.empty())) {
    throw UsageError("--stage1-kimg: a run that starts at stage 2 has no stage 1");
  }
  if (!options.lambdas.empty()) set("guidance.lambda", options.lambdas[0]);
  set("guidance.stage1_kimg", options.stage1_kimg);
  set("guidance.stage2_kimg", options.stage2_kimg);
  if (!options.schedule.empty()) options.overrides.push_back("guidance.schedule=" + options.schedule);
  if (!options.weight.empty()) options.overrides.push_back("guidance.weight=" + options.weight);
  if (!options.width.empty()) options.overrides.push_back("student.width=" + options.width);
  std::string text;
  if (options.recipe.empty()) {
    text = recipe_of_model(options.teachers[0], common.quiet);
  }
  Recipe recipe = resolve_recipe(options, common, name, text, options.teachers[0]);
  if (options.budget.any()) {
    // Labels decide on widths' costs too.
    const Dataset data(recipe.run.data);
    recipe = with_labels_of(data, std::move(recipe));
    recipe.run.budget = fit_to_budget(recipe, options.budget, parse_device(common.device));
    if (!common.quiet) fmt::print("budget of {}\n", recipe.run.budget);
  }
  recipe.teacher().file = absolute_path(options.teachers[0]);
  auto& teachers = recipe.guidance.teachers;
  for (size_t i = 1; i < options.teachers.size(); ++i) {
    const TeacherRecipe& first = recipe.teacher();
    const double lambda = options.lambdas.size() > 1 ? options.lambdas[i] : first.lambda;
    teachers.push_back({absolute_path(options.teachers[i]), lambda, first.schedule, first.weight, ""});
  }
  recipe.run.from_stage1 = absolute_path(options.from_stage1);
  recipe.run.from_teacher = options.from_teacher;
  return start_run(recipe, options.out, options.overwrite, common.quiet);
}

}  // namespace

void add_compress(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("compress", "Train a narrow student that starts from its teacher");
  auto options = std::make_shared<StudentOptions>();
  add_student_options(*command, *options);
  auto* width =
      command->add_option("--width", options->width, "Share of the feature maps that the student keeps: 1/2, 1/4, 3/8");
  const auto limit = [&](const char* name, auto& value, const char* help) {
    command->add_option(name, value, help)->check(within(1e-6, 1e18))->excludes(width);
  };
  limit("--latency-ms", options->budget.latency_ms,
        "In place of --width: the largest width whose generators take no longer on this machine for one image");
  limit("--macs", options->budget.macs, "The same for multiply-adds of an image");
  limit("--params", options->budget.params, "The same for the generators' parameters");
  command->callback([options, &common] { common.status = run_student(*options, common, "compress"); });
}

void add_boost(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("boost", "Compress at full width (improve a model)");
  auto options = std::make_shared<StudentOptions>();
  options->width = "1";
  add_student_options(*command, *options);
  command
      ->add_flag("--from-teacher", options->from_teacher,
                 "Start stage 2 from the teacher's own networks instead of a stage 1")
      ->excludes("--from-stage1");
  command->callback([options, &common] { common.status = run_student(*options, common, "boost"); });
}

}  // namespace dgl
