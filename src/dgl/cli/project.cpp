#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/data/dataset.h"
#include "dgl/data/resize.h"
#include "dgl/data/source.h"
#include "dgl/families/model_file.h"
#include "dgl/losses/lpips.h"
#include "dgl/losses/pair_distance.h"
#include "dgl/metrics/classifier.h"
#include "dgl/report/image_grid.h"
#include "dgl/training/projection.h"

namespace dgl {

namespace {

using torch::Tensor;

struct ProjectArguments {
  std::string model, images, out, features, lpips, grid;
  int64_t steps = 1000, seed = 0, label = -1, batch = 8;
  double lr = 0.1;
  bool discriminator = false, overwrite = false;
};

/// The images that are looked for, [N, C, R, R] in -1 … 1.
Tensor read_targets(const std::string& path, const ImageShape& shape) {
  if (fs::path(path).extension() == ".safetensors") {
    const Tensor images = load_safetensors(path).at("images", path);
    if (images.dim() != 4 || images.numel() == 0 || !images.is_floating_point() || images.size(1) != shape.channels ||
        images.size(2) != shape.height || images.size(3) != shape.width) {
      fail_file("{}: tensor images: expected float32 [N, {}, {}, {}]", path, shape.channels, shape.height, shape.width);
    }
    if (!images.isfinite().all().item<bool>())
      fail_file("{}: tensor images: there are values that are not finite", path);
    return images.to(torch::kFloat);
  }
  if (!fs::is_directory(path)) fail("{}: expected a folder of images or a .safetensors file", path);
  const auto source = open_image_folder(path, /*labels=*/false);
  std::vector<Tensor> images;
  for (int64_t i = 0; i < source->count(); ++i) {
    const SourceImage image = with_channels(source->read(i), shape.channels);
    if (image.height != shape.height || image.width != shape.width) {
      fail("{}: {} x {} pixels, expected {} x {}", source->name(i), image.width, image.height, shape.width,
           shape.height);
    }
    const Tensor pixels = torch::from_blob(const_cast<uint8_t*>(image.pixels.data()),
                                           {image.height, image.width, image.channels}, torch::kByte);
    images.push_back(to_unit_range(pixels.permute({2, 0, 1}).contiguous()));
  }
  return at::stack(images);
}

/// A distance of images from others, and its name.
struct NamedDistance {
  std::string name;
  /// The distance from targets [N, C, R, R].
  std::function<TargetDistance(const Tensor& targets)> to;
};

NamedDistance discriminator_distance(const std::shared_ptr<Discriminator>& discriminator) {
  set_requires_grad(*discriminator, false);
  const auto maps = [discriminator](const Tensor& images) {
    Tensor labels;
    // Features know nothing of the label, but a conditional discriminator asks for one.
    if (discriminator->classes() > 0) labels = torch::zeros({images.size(0)}, images.options().dtype(torch::kLong));
    return discriminator->judge(images, labels, /*chunks=*/1, /*features=*/true).features;
  };
  const PairDistance compare = make_pair_distance("unit", "the distance");
  return {"discriminator", [=](const Tensor& targets) -> TargetDistance {
            const FeatureMaps of_targets = maps(targets);
            return [=](const Tensor& images) { return compare(maps(images), of_targets); };
          }};
}

/// LPIPS of images shrunk for it.
NamedDistance lpips_distance(const std::string& file, torch::Device device) {
  const auto lpips = std::make_shared<Lpips>(load_lpips(file));
  lpips->to(device);
  return {"lpips", [=](const Tensor& targets) -> TargetDistance {
            const Tensor compared = shrink_for_lpips(targets);
            return [=](const Tensor& images) { return (*lpips)(shrink_for_lpips(images), compared); };
          }};
}

NamedDistance classifier_distance(const std::string& file, const ImageShape& shape, torch::Device device) {
  const auto classifier = std::dynamic_pointer_cast<Classifier>(load_feature_network(file));
  if (!classifier) fail("{}: expected a feature network of dgl's own; weights of LPIPS are given by --lpips", file);
  const ClassifierShape& own = classifier->shape();
  if (own.resolution != shape.height || own.channels != shape.channels) {
    fail("{}: it takes images {} x {} x {}, the model makes {} x {} x {}", file, own.channels, own.resolution,
         own.resolution, shape.channels, shape.height, shape.width);
  }
  classifier->to(device);
  for (Tensor& parameter : classifier->parameters()) parameter.set_requires_grad(false);
  return {own.distance, [=](const Tensor& targets) -> TargetDistance {
            const Tensor of_targets = classifier->embed(targets);
            return [=](const Tensor& images) { return (classifier->embed(images) - of_targets).square().mean(1); };
          }};
}

NamedDistance choose_distance(const ProjectArguments& arguments, const NetworkSet& model, const ImageShape& shape,
                              torch::Device device) {
  if (!arguments.lpips.empty()) return lpips_distance(arguments.lpips, device);
  if (!arguments.features.empty()) return classifier_distance(arguments.features, shape, device);
  if (const auto discriminator = find_discriminator(model, arguments.model))
    return discriminator_distance(discriminator);
  fail("{}: has no discriminator whose features compare images; give --lpips or --features", arguments.model);
}

Projection project_all(const ProjectArguments& arguments, Sampler& sampler, const Tensor& targets,
                       const NamedDistance& distance, const ProjectionOptions& options, Progress& progress) {
  const StyleStatistics statistics = style_statistics(sampler, options);
  std::vector<Tensor> w, images, distances;
  const int64_t count = targets.size(0), batches = (count + arguments.batch - 1) / arguments.batch;
  for (int64_t batch = 0; batch < batches; ++batch) {
    const int64_t first = batch * arguments.batch;
    const Tensor part = targets.slice(0, first, std::min(count, first + arguments.batch)).to(options.device);
    const auto show = [&](int64_t step, double mean) {
      progress.update(fmt::format("images {} to {} of {} | step {}/{} | distance {:.5f}", first + 1,
                                  first + part.size(0), count, step + 1, options.steps, mean));
    };
    const Projection found = project_images(sampler, part.size(0), statistics, distance.to(part), options, first, show);
    w.push_back(found.w);
    images.push_back(found.images);
    distances.push_back(found.distances);
  }
  return {at::cat(w), at::cat(images), at::cat(distances)};
}

void run(const ProjectArguments& arguments, const CommonOptions& common) {
  const auto device = parse_device(common.device);
  refuse_existing(arguments.out, arguments.overwrite);
  if (fs::path(arguments.out).extension() != ".safetensors") {
    fail("--out {}: expected a name that ends in .safetensors", arguments.out);
  }
  if (!arguments.grid.empty()) {
    refuse_existing(arguments.grid, arguments.overwrite);
    if (fs::path(arguments.grid).extension() != ".png") {
      fail("--grid {}: expected a name that ends in .png", arguments.grid);
    }
  }
  const NetworkSet model = load_model(arguments.model);
  const auto sampler = sampler_of(model, arguments.model);
  if (!sampler->styles()) fail("{}: it has no styles w to project images into; expected a StyleGAN2", arguments.model);
  const SampleSpec spec = sampler->spec();
  if (arguments.label >= spec.classes && arguments.label >= 0) {
    fail("--label {}: {} has {} labels", arguments.label, arguments.model, spec.classes);
  }
  const Tensor targets = read_targets(arguments.images, spec.output);
  model.to(device);
  set_requires_grad(sampler->network(), false);
  const NamedDistance distance = choose_distance(arguments, model, spec.output, device);
  ProjectionOptions options;
  options.steps = arguments.steps;
  options.lr = arguments.lr;
  options.label = arguments.label;
  options.seed = static_cast<uint64_t>(arguments.seed);
  options.device = device;
  Progress progress(common.quiet);
  const Projection found = project_all(arguments, *sampler, targets, distance, options, progress);
  save_safetensors(arguments.out, {{{"w", found.w}, {"images", found.images}, {"distances", found.distances}},
                                   {{"distance", distance.name}}});
  if (!arguments.grid.empty()) write_grid(arguments.grid, at::cat({targets, found.images}), targets.size(0));
  if (common.quiet) return;
  fmt::print("{}: {} images, mean distance by {} {:.5f}\n", arguments.out, targets.size(0), distance.name,
             found.distances.mean().item<double>());
}

}  // namespace

void add_project(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand(
      "project", "Find the styles w of images in a StyleGAN2, from which dgl sample --w draws them again");
  auto a = std::make_shared<ProjectArguments>();
  command->add_option("--model", a->model, "Model file of a stylegan2")->required();
  command
      ->add_option("--images", a->images,
                   "Folder of images, or safetensors file with a tensor images [N, C, R, R] in -1 … 1, of the size and "
                   "channels that the model makes")
      ->required();
  command
      ->add_option(
          "--out", a->out,
          "Safetensors file to write: w [N, w_dim], images [N, C, R, R] that the model makes of them, distances "
          "[N] from the images asked for")
      ->required();
  command->add_option("--grid", a->grid, "PNG file to write too: the images asked for above those found");
  auto* discriminator = command->add_flag(
      "--discriminator", a->discriminator,
      "Compare images by the features of the model's own discriminator, each pixel's scaled to length 1 (the default)");
  auto* features =
      command->add_option("--features", a->features, "Compare them by a feature network that dgl trained instead")
          ->excludes(discriminator);
  command
      ->add_option("--lpips", a->lpips,
                   "Compare them by LPIPS on VGG16 instead: its weights, or a checkpoint that holds them")
      ->excludes(discriminator)
      ->excludes(features);
  command->add_option("--label", a->label, "Begin at the mean w of this label (conditional models)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--steps", a->steps, "Steps of the search")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--lr", a->lr, "Learning rate of Adam at its highest")
      ->check(within(1e-6, 100))
      ->capture_default_str();
  command->add_option("--seed", a->seed, "Random seed")->check(CLI::NonNegativeNumber)->capture_default_str();
  command->add_option("--batch", a->batch, "Images that are looked for at once")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_flag("--overwrite", a->overwrite, "Replace existing files");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
