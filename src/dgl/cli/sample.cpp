#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/drawing.h"
#include "dgl/cli/labels.h"
#include "dgl/cli/number_list.h"
#include "dgl/cli/solver_options.h"
#include "dgl/cli/write_images.h"
#include "dgl/families/model_file.h"

namespace dgl {

namespace {

struct SampleArguments {
  std::string model, out, latents, seeds, interpolate, mix, w, precision = "fp32";
  int64_t count = 64, batch = 0, label = -1, seed = 0, frames = 30;
  double psi = 1, fps = 20;
  SolverChoice solver;
  bool each_label = false, dither = false, overwrite = false;
};

/// The condition in a file: z, labels if it has them, and images for a model that translates them.
Condition read_condition(const std::string& path, const SampleSpec& spec) {
  const TensorFile file = load_safetensors(path);
  Condition condition;
  const auto read = [&](const char* name, std::vector<int64_t> sizes) {
    const torch::Tensor tensor = file.at(name, path);
    const bool fits = tensor.dim() == static_cast<int64_t>(sizes.size()) + 1 && tensor.sizes().slice(1) == sizes;
    if (!fits || tensor.size(0) == 0 || !tensor.is_floating_point()) {
      fail_file("{}: tensor {}: expected float32 [N, {}]", path, name, fmt::join(sizes, ", "));
    }
    return tensor.to(torch::kFloat);
  };
  if (!spec.latent_shape.empty()) condition.latents = read("z", spec.latent_shape);
  if (spec.input) condition.images = read("images", {spec.input->channels, spec.input->height, spec.input->width});
  const torch::Tensor& counted = condition.latents.defined() ? condition.latents : condition.images;
  condition.labels = read_labels(file, counted.size(0), spec.classes, path);
  return condition;
}

/// Images of a seed, of every label or of a file's latents.
Drawing draw_samples(const SampleArguments& arguments, const DrawnModel& model) {
  const SampleSpec spec = model.sampler.spec();
  if (arguments.each_label && spec.classes == 0) fail("--each-label: {} has no labels", arguments.model);
  if (spec.input && arguments.latents.empty()) {
    fail("{} translates images; expected --latents x.safetensors with a tensor images", arguments.model);
  }
  const DrawOptions& options = model.options;
  Condition condition;
  if (arguments.each_label) {
    condition.latents = draw_latents(spec, options.count * spec.classes, options.seed);
    condition.labels = torch::arange(spec.classes).repeat_interleave(options.count);
  } else if (arguments.latents.empty()) {
    condition = draw_condition(spec, options);
  } else {
    condition = read_condition(arguments.latents, spec);
  }
  const int64_t count = (condition.latents.defined() ? condition.latents : condition.images).size(0);
  torch::Tensor& labels = condition.labels;
  if (arguments.label >= 0) labels = torch::full({count}, arguments.label, torch::kLong);
  if (spec.classes > 0 && !labels.defined()) {
    fail("{}: has no tensor labels [N], which {} needs; or give --label", arguments.latents, arguments.model);
  }
  Sampler& sampler = model.sampler;
  return {.count = count,
          .labels = labels,
          .columns = arguments.each_label ? arguments.count : 0,
          .draw = [&sampler, condition, options] { return sample_images(sampler, condition, options); }};
}

Drawing make_drawing(const SampleArguments& arguments, const DrawnModel& model) {
  if (!arguments.seeds.empty()) return draw_seeds(model, parse_number_list(arguments.seeds, "--seeds"));
  if (!arguments.interpolate.empty()) {
    return draw_film(model, parse_number_list(arguments.interpolate, "--interpolate"), arguments.frames);
  }
  if (!arguments.mix.empty()) return draw_mix(model, parse_mix(arguments.mix));
  if (!arguments.w.empty()) return draw_styles_of(model, arguments.w);
  return draw_samples(arguments, model);
}

void run(const SampleArguments& arguments, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const GifOptions gif{static_cast<int>(std::lround(100 / arguments.fps)), arguments.dither};
  const ImageOutput output(arguments.out, arguments.overwrite, gif);
  const NetworkSet model = load_model(arguments.model);
  const auto sampler = prior_sampler_of(model, arguments.model);
  apply_solver_options(*sampler, arguments.solver, arguments.model);
  const int64_t classes = sampler->spec().classes;
  if (arguments.label >= classes) fail("--label {}: {} has {} labels", arguments.label, arguments.model, classes);
  model.to(device);
  model.set_activations(parse_precision(arguments.precision, "--precision"));
  DrawOptions options;
  options.count = arguments.count;
  options.seed = static_cast<uint64_t>(arguments.seed);
  options.batch = arguments.batch;
  options.psi = arguments.psi;
  options.device = device;
  const Drawing drawing = make_drawing(arguments, {*sampler, arguments.model, arguments.label, options});
  output.check(drawing);
  output.write(drawing, drawing.draw());
  if (!common.quiet) fmt::print("{}: {} images\n", arguments.out, drawing.count);
}

/// Adds an option that says what is drawn; only one of them is taken.
CLI::Option* add_choice(CLI::App& command, std::vector<CLI::Option*>& choices, const std::string& name,
                        std::string& value, const std::string& help) {
  CLI::Option* option = command.add_option(name, value, help);
  for (CLI::Option* other : choices) option->excludes(other);
  choices.push_back(option);
  return option;
}

}  // namespace

void add_sample(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("sample", "Draw images from a model");
  auto a = std::make_shared<SampleArguments>();
  command->add_option("--model", a->model, "Model file")->required();
  command->add_option("--out", a->out, "Output: grid.png, film.gif, a folder, or x.safetensors")->required();
  auto* count = command->add_option("-n,--count", a->count, "Number of images")
                    ->check(CLI::Range(1, 10000000))
                    ->capture_default_str();
  auto* seed = command->add_option("--seed", a->seed, "Random seed of the latents")
                   ->check(CLI::NonNegativeNumber)
                   ->capture_default_str();
  auto* psi = command->add_option("--psi", a->psi, "Truncation toward the mean latent (1: none)")
                  ->check(within(-10, 10))
                  ->capture_default_str();
  add_solver_options(*command, a->solver);
  auto* label = command->add_option("--label", a->label, "Draw only this label (conditional models)")
                    ->check(CLI::NonNegativeNumber);
  auto* each = command->add_flag("--each-label", a->each_label, "Draw -n images of every label, one grid row per label")
                   ->excludes(label);
  std::vector<CLI::Option*> choices;
  add_choice(*command, choices, "--latents", a->latents,
             "Safetensors file with the tensors that the model takes: z [N, z_dim], labels [N], images [N, C, H, W]");
  add_choice(*command, choices, "--seeds", a->seeds,
             "The first image of each of these seeds, as --seed S -n 1 draws it: 1-64 or 1,5,9-12");
  auto* interpolate =
      add_choice(*command, choices, "--interpolate", a->interpolate,
                 "A film through the images of these seeds: A,B,C; it closes if the last seed is the first one. A "
                 "StyleGAN2 is led along lines in w, other models along arcs between latents");
  add_choice(*command, choices, "--mix", a->mix,
             "StyleGAN2: a grid of the seeds ROWS:COLUMNS whose images have the styles of their row, but those of "
             "their column in the style layers behind an @: 1-4:5-8@0-3 (default: 0-6, at most the first half)");
  add_choice(*command, choices, "--w", a->w,
             "StyleGAN2: safetensors file with a tensor w [N, w_dim] or [N, num_ws, w_dim], as dgl project "
             "writes it")
      ->excludes(psi)
      ->excludes(label);
  for (CLI::Option* choice : choices) choice->excludes(each)->excludes(count)->excludes(seed);
  command->add_option("--frames", a->frames, "Images of the film from each seed to the next")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->needs(interpolate);
  command->add_option("--fps", a->fps, "Images of a .gif in a second, to the hundredth of a second of each")
      ->check(within(0.01, 50))
      ->capture_default_str();
  command->add_flag("--dither", a->dither, "Dither the colors of a .gif, of which each image has at most 256");
  command->add_option("--batch", a->batch, "Batch size (0: 64, fewer above 256 px; 1 with --seeds)")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  command->add_option("--precision", a->precision, "Precision of feature maps and convolutions: fp32 or bf16")
      ->capture_default_str();
  command->add_flag("--overwrite", a->overwrite, "Replace existing files");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
