#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/labels.h"
#include "dgl/cli/solver_options.h"
#include "dgl/data/dataset.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/sampling.h"
#include "dgl/report/image_grid.h"

namespace dgl {

namespace {

struct SampleArguments {
  std::string model, out, latents, precision = "fp32";
  int64_t count = 64, batch = 0, label = -1, seed = 0;
  double psi = 1;
  SolverChoice solver;
  bool each_label = false, overwrite = false;
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

fs::path image_file(const fs::path& folder, int64_t i) { return folder / fmt::format("{:06d}.png", i); }

/// A folder with one PNG an image: 000000.png, 000001.png, …
void write_folder(const fs::path& folder, const torch::Tensor& images) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("{}: cannot be made: {}", folder.string(), error.message());
  for (int64_t i = 0; i < images.size(0); ++i) write_grid(image_file(folder, i), images.slice(0, i, i + 1), 1);
}

void run(const SampleArguments& arguments, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  const fs::path out = arguments.out;
  const bool folder = out.extension().empty();
  if (!folder) refuse_existing(out, arguments.overwrite);
  if (!folder && out.extension() != ".png" && out.extension() != ".safetensors") {
    fail("--out {}: expected a name that ends in .png or .safetensors, or a folder", arguments.out);
  }
  const NetworkSet model = load_model(arguments.model);
  const auto sampler = prior_sampler_of(model, arguments.model);
  apply_solver_options(*sampler, arguments.solver, arguments.model);
  const SampleSpec spec = sampler->spec();
  if (arguments.label >= spec.classes)
    fail("--label {}: {} has {} labels", arguments.label, arguments.model, spec.classes);
  if (arguments.each_label && spec.classes == 0) fail("--each-label: {} has no labels", arguments.model);
  if (spec.input && arguments.latents.empty()) {
    fail("{} translates images; expected --latents x.safetensors with a tensor images", arguments.model);
  }
  model.to(device);
  model.set_activations(parse_precision(arguments.precision, "--precision"));
  DrawOptions options;
  options.count = arguments.count;
  options.seed = static_cast<uint64_t>(arguments.seed);
  options.batch = arguments.batch;
  options.psi = arguments.psi;
  options.device = device;
  Condition condition;
  if (arguments.each_label) {
    condition.latents = draw_latents(spec, arguments.count * spec.classes, options.seed);
    condition.labels = torch::arange(spec.classes).repeat_interleave(arguments.count);
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
  for (int64_t i = 0; folder && i < count; ++i) refuse_existing(image_file(out, i), arguments.overwrite);
  const torch::Tensor images = sample_images(*sampler, condition, options);
  if (folder) {
    write_folder(out, images);
  } else if (out.extension() == ".png") {
    const auto square = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(images.size(0)))));
    write_grid(out, images, arguments.each_label ? arguments.count : square);
  } else {
    TensorFile file{{{"images", images}}, {}};
    if (labels.defined()) file.tensors["labels"] = labels;
    save_safetensors(out, file);
  }
  if (!common.quiet) fmt::print("{}: {} images\n", arguments.out, images.size(0));
}

}  // namespace

void add_sample(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("sample", "Draw images from a model");
  auto a = std::make_shared<SampleArguments>();
  command->add_option("--model", a->model, "Model file")->required();
  command->add_option("--out", a->out, "Output: grid.png, a folder, or x.safetensors")->required();
  auto* count = command->add_option("-n,--count", a->count, "Number of images")
                    ->check(CLI::Range(1, 10000000))
                    ->capture_default_str();
  auto* seed = command->add_option("--seed", a->seed, "Random seed of the latents")
                   ->check(CLI::NonNegativeNumber)
                   ->capture_default_str();
  command->add_option("--psi", a->psi, "Truncation toward the mean latent (1: none)")
      ->check(within(-10, 10))
      ->capture_default_str();
  add_solver_options(*command, a->solver);
  auto* label = command->add_option("--label", a->label, "Draw only this label (conditional models)")
                    ->check(CLI::NonNegativeNumber);
  auto* each = command->add_flag("--each-label", a->each_label, "Draw -n images of every label, one grid row per label")
                   ->excludes(label);
  command
      ->add_option(
          "--latents", a->latents,
          "Safetensors file with the tensors that the model takes: z [N, z_dim], labels [N], images [N, C, H, W]")
      ->excludes(each)
      ->excludes(count)
      ->excludes(seed);
  command->add_option("--batch", a->batch, "Batch size (0: 64, fewer above 256 px)")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  command->add_option("--precision", a->precision, "Precision of feature maps and convolutions: fp32 or bf16")
      ->capture_default_str();
  command->add_flag("--overwrite", a->overwrite, "Replace existing files");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
