#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/eval_translations.h"
#include "dgl/cli/metric_options.h"
#include "dgl/cli/solver_options.h"
#include "dgl/data/opened_set.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/linear_probe.h"
#include "dgl/metrics/measure.h"
#include "dgl/metrics/nearest_images.h"
#include "dgl/metrics/perceptual_path.h"
#include "dgl/recipe/labels.h"
#include "dgl/report/image_grid.h"
#include "dgl/training/evaluator.h"

namespace dgl {

namespace {

struct EvalArguments : EvalSets {
  std::string model, images, direction, features, linear, lpips, metrics, nearest;
  int64_t samples = 10000, batch = 0;
  uint64_t seed = 0;
  double psi = 1, memory = 8;
  SolverChoice solver;
  KidOptions kid;
  int64_t is_splits = 10;
  bool each_label = false, clean = false, ppl = false, json = false;
};

/// "fid 2.970  (…)": each number, or list of them, on a line of its own, a deviation behind its mean.
void print_words(const nlohmann::json& numbers) {
  for (const auto& [key, value] : numbers.items()) {
    if (value.is_array() && !value.empty() && value[0].is_number()) {
      fmt::print("{} {:.4g}\n", key, fmt::join(value.get<std::vector<double>>(), " "));
      continue;
    }
    if (!value.is_number() || key.ends_with("_std")) continue;
    const bool mean = key.ends_with("_mean");
    const std::string name = mean ? key.substr(0, key.size() - 5) : key;
    fmt::print("{} {:.6g}", name, value.get<double>());
    if (mean) fmt::print(" +- {:.6g}", numbers[name + "_std"].get<double>());
    fmt::print("\n");
  }
}

/// The numbers of each label as a table.
void print_labels(const nlohmann::json& labels) {
  std::vector<std::string> keys;
  size_t width = 5;
  for (const auto& [key, value] : labels[0].items()) {
    if (value.is_number() && key != "label") keys.push_back(key);
  }
  for (const auto& label : labels) width = std::max(width, label["name"].get<std::string>().size());
  fmt::print("{:<{}}  {}\n", "label", width, fmt::join(keys, "  "));
  for (const auto& label : labels) {
    fmt::print("{:<{}}", label["name"].get<std::string>(), width);
    for (const std::string& key : keys) fmt::print("  {:>{}.5g}", label[key].get<double>(), key.size());
    fmt::print("\n");
  }
}

/// How often each label is drawn: as often as in the set, where the model takes labels and the set has them.
torch::Tensor shares_for(int64_t classes, const Dataset& data, const std::string& model) {
  if (classes == 0 || !data.labeled()) return {};
  if (static_cast<int64_t>(data.info().classes.size()) != classes) {
    fail("{}: {} labels, but {} takes {}", data.path().string(), data.info().classes.size(), model, classes);
  }
  return label_shares(data);
}

/// The images that a model takes: those of --data, unless it makes images of another domain of them.
std::unique_ptr<Dataset> input_set(const EvalArguments& arguments, const Family& family, const SampleSpec& spec) {
  if (arguments.inputs.empty() && family.input_domain() != family.output_domain()) {
    fail(
        "{}: translates images of another domain; expected --inputs with a packed set of them, or --data-b for both "
        "directions",
        arguments.model);
  }
  auto inputs = std::make_unique<Dataset>(arguments.inputs.empty() ? arguments.data : arguments.inputs);
  check_shape(*inputs, *spec.input, arguments.model, "takes");
  return inputs;
}

/// The codes [n, d] of all images of a set, and their labels.
std::pair<torch::Tensor, torch::Tensor> codes_of(const NetworkSet& model, const Family& family, const Dataset& data,
                                                 torch::Device device) {
  constexpr int64_t kBatch = 64;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> codes;
  std::vector<int64_t> all = evenly_spaced(data.info().count, data.info().count);
  for (int64_t first = 0; first < data.info().count; first += kBatch) {
    const auto last = std::min(first + kBatch, data.info().count);
    const std::vector<int64_t> batch(all.begin() + first, all.begin() + last);
    codes.push_back(family.encode(model, to_unit_range(data.images(batch)).to(device)).flatten(1).cpu());
  }
  return {at::cat(codes), data.labels(all)};
}

/// Adds how well labels can be read off an autoencoder's latents: learned on `train`, tested on `test`.
void add_linear_accuracy(nlohmann::json& numbers, const NetworkSet& model, const EvalArguments& arguments,
                         const Dataset& test, torch::Device device) {
  const Family& family = family_of(model, arguments.model);
  const Dataset train(arguments.linear);
  if (!family.reconstructs()) fail("--linear: {} has no latents of images; expected a vae", arguments.model);
  for (const Dataset* set : {&train, &test}) {
    if (!set->labeled()) fail("--linear: {}: has no labels", set->path().string());
  }
  if (train.info().classes != test.info().classes) {
    fail("--linear: {} has other labels than {}", arguments.linear, arguments.data);
  }
  const auto [codes, labels] = codes_of(model, family, train, device);
  const auto [test_codes, test_labels] = codes_of(model, family, test, device);
  numbers["linear_accuracy"] = linear_accuracy(codes, labels, test_codes, test_labels);
}

/// How many images --nearest shows, and how many beside each.
constexpr int64_t kNearestRows = 16, kNearestImages = 8;

/// Writes images [n, C, R, R] uint8, a row each, with the real ones nearest to them.
void write_nearest(const EvalArguments& arguments, const torch::Tensor& images, const Dataset& data,
                   FeatureNetwork& features, torch::Device device) {
  const torch::Tensor rows = with_nearest_images(images, data, features, kNearestImages, device);
  write_grid(arguments.nearest, rows.flatten(0, 1), rows.size(1));
}

/// The first images that a sampler draws by the options.
torch::Tensor first_images(Sampler& sampler, DrawOptions options) {
  options.count = std::min(options.count, kNearestRows);
  std::vector<torch::Tensor> images;
  for_each_sample(sampler, options, [&](const torch::Tensor& drawn, const torch::Tensor&) { images.push_back(drawn); });
  return at::cat(images);
}

/// The figures of a model's sampler, or of one direction of it; sets how many images were drawn.
nlohmann::json measure_sampler(const EvalArguments& arguments, const NetworkSet& model, Sampler& sampler,
                               FeatureNetwork& features, MeasureOptions& options) {
  const Family& family = family_of(model, arguments.model);
  const SampleSpec spec = sampler.spec();
  const Dataset data(arguments.data);
  check_shape(data, spec.output, arguments.model, "makes");
  options.samples.label_shares = shares_for(spec.classes, data, arguments.model);
  if (!spec.input && !arguments.inputs.empty()) fail("--inputs: {} takes no images", arguments.model);
  if (spec.input) {
    const auto inputs = input_set(arguments, family, spec);
    options.samples.count = std::min(arguments.samples, inputs->info().count);
    options.samples.inputs = inputs->images(evenly_spaced(inputs->info().count, options.samples.count));
    options.reconstructs = family.reconstructs();
  }
  nlohmann::json numbers = measure(sampler, data, features, options);
  if (const auto prior = family.prior_sampler(model)) {
    MeasureOptions of_prior = options;
    of_prior.metrics = MetricSet{.fid = !options.metrics || options.metrics->fid};
    of_prior.samples.inputs = torch::Tensor();
    of_prior.reconstructs = false;
    const nlohmann::json found = measure(*prior, data, features, of_prior);
    for (const auto& [key, value] : found.items()) {
      if (value.is_number()) numbers["prior_" + key] = value;
    }
  }
  const torch::Device device = options.samples.device;
  const nlohmann::json own = own_measures(family, model, data, device);
  if (own.is_object()) numbers.update(own);
  if (!arguments.linear.empty()) add_linear_accuracy(numbers, model, arguments, data, device);
  if (arguments.ppl) numbers["ppl"] = perceptual_path_length(sampler, *options.lpips, options.samples);
  if (!arguments.nearest.empty()) {
    write_nearest(arguments, first_images(sampler, options.samples), data, features, device);
  }
  numbers["real"] = data.info().count;
  return numbers;
}

void print_numbers(nlohmann::json numbers, const EvalArguments& arguments, int64_t samples) {
  const auto real = numbers["real"].get<int64_t>();
  if (arguments.json) {
    numbers.update({{"data", arguments.data}, {"features", arguments.features}, {"samples", samples}});
    if (arguments.model.empty()) {
      numbers["images"] = arguments.images;
    } else {
      numbers.update({{"model", arguments.model}, {"seed", arguments.seed}, {"psi", arguments.psi}});
    }
    if (!arguments.data_b.empty()) numbers["data_b"] = arguments.data_b;
    fmt::print("{}\n", json_text(numbers));
    return;
  }
  numbers.erase("real");
  print_words(numbers);
  if (numbers.contains("labels")) print_labels(numbers["labels"]);
  fmt::print("({} samples against {} images)\n", samples, real);
}

/// Images of any origin in place of a model's; both sets may be folders.
nlohmann::json measure_images(const EvalArguments& arguments, FeatureNetwork& features, MeasureOptions& options) {
  const auto data = open_set(arguments.data, 0, options.note);
  const auto images = open_set(arguments.images, data->info().channels, options.note);
  options.keep_statistics = is_packed_set(arguments.data);
  options.samples.count = images->info().count;
  nlohmann::json numbers = measure(images_of(*images), *data, features, options);
  if (!arguments.nearest.empty()) {
    const int64_t count = images->info().count;
    const torch::Tensor some = images->images(evenly_spaced(count, std::min(count, kNearestRows)));
    write_nearest(arguments, some, *data, features, options.samples.device);
  }
  numbers["real"] = data->info().count;
  return numbers;
}

nlohmann::json measure_model(const EvalArguments& arguments, FeatureNetwork& features, MeasureOptions& options) {
  const torch::Device device = options.samples.device;
  const NetworkSet model = load_model(arguments.model);
  const auto sampler = arguments.direction.empty() ? sampler_of(model, arguments.model)
                                                   : translator_of(model, arguments.direction, arguments.model).there;
  apply_solver_options(*sampler, arguments.solver, arguments.model);
  model.to(device);
  if (!arguments.lpips.empty()) {
    auto lpips = std::make_shared<Lpips>(load_lpips(arguments.lpips));
    lpips->to(device);
    options.lpips = lpips;
  }
  return arguments.data_b.empty() ? measure_sampler(arguments, model, *sampler, features, options)
                                  : eval_translations(arguments, model, arguments.model, features, options);
}

void run(const EvalArguments& arguments, const CommonOptions& common) {
  if (arguments.model.empty() == arguments.images.empty()) {
    throw UsageError("expected --model, or --images that any program made");
  }
  MeasureOptions options;
  if (!arguments.metrics.empty()) options.metrics = MetricSet::parse(arguments.metrics, "--metrics");
  const auto device = parse_device(common.device);
  const auto features = load_feature_network(arguments.features, arguments.clean);
  features->to(device);
  options.samples = {.count = arguments.samples,
                     .batch = arguments.batch,
                     .seed = arguments.seed,
                     .psi = arguments.psi,
                     .device = device};
  options.each_label = arguments.each_label;
  options.kid = arguments.kid;
  options.is_splits = arguments.is_splits;
  options.max_bytes = static_cast<uint64_t>(arguments.memory * (1 << 30));
  options.network_file = arguments.features;
  Progress progress(common.quiet);
  std::string part;
  double start = 0;
  options.progress = [&](const std::string& what, int64_t done, int64_t total) {
    if (what != part) {
      part = what;
      start = now_seconds();
    }
    progress.update(progress_bar(what, done, total, now_seconds() - start));
  };
  options.note = [&](const std::string& line) { progress.print(line); };
  const nlohmann::json numbers = arguments.model.empty() ? measure_images(arguments, *features, options)
                                                         : measure_model(arguments, *features, options);
  print_numbers(numbers, arguments, options.samples.count);
}

}  // namespace

void add_eval(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("eval", "Compare images of a model, or of a folder, with real ones");
  auto a = std::make_shared<EvalArguments>();
  command->add_option("--model", a->model, "Model file");
  command->add_option("--data", a->data, "Real images, a packed set; with --images also a folder or archive of images")
      ->required();
  command->add_option("--inputs", a->inputs, "For a CycleGAN: images that it translates, a packed set");
  auto* direction =
      command->add_option("--direction", a->direction,
                          "Its direction: a_to_b, or b_to_a (the former by default); --data is what it translates to");
  auto* data_b = command
                     ->add_option("--data-b", a->data_b,
                                  "For a CycleGAN: real images of domain b, where --data is of a; both directions are "
                                  "measured, and what comes back of translations")
                     ->excludes(direction);
  command->add_option("--inputs-b", a->inputs_b, "Images of b that are translated, as --inputs are those of a")
      ->needs(data_b);
  command
      ->add_flag(
          "--partners", a->partners,
          "Image i of the images that are translated from b is the right translation of image i of those from a, "
          "and the other way round: compare translations with them")
      ->needs(data_b);
  command
      ->add_option("--styles", a->styles,
                   "A classifier of two labels, images of a and of b, for the share of translations that it takes for "
                   "their new domain")
      ->needs(data_b);
  command
      ->add_option("--features", a->features,
                   "Feature network: for example assets/mnist32-features.safetensors, or Inception's weights")
      ->required();
  command->add_option(
      "--metrics", a->metrics,
      "Comma-separated metrics: fid, kid, is, pr, dc (density and coverage), mmd, auth (the share that is "
      "no copy of a real image), accuracy; by default all that the images and the network allow (fid has this name "
      "only with Inception)");
  command->add_option("--samples", a->samples, "Number of images to draw")
      ->check(CLI::Range(2, 10000000))
      ->capture_default_str();
  command->add_option("--batch", a->batch, "Batch size (0: 64, fewer above 256 px)")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  command->add_option("--seed", a->seed, "Random seed of latents, labels and noise")->capture_default_str();
  command->add_option("--psi", a->psi, "Truncation (1: none)")->check(within(-10, 10))->capture_default_str();
  add_solver_options(*command, a->solver);
  command
      ->add_option("--linear", a->linear,
                   "For an autoencoder: a packed set with labels, from whose latents a linear map learns them; its "
                   "accuracy on --data is linear_accuracy")
      ->excludes(data_b);
  auto* lpips = command->add_option(
      "--lpips", a->lpips,
      "Weights of LPIPS on VGG16, or a checkpoint that holds them: the distance of an autoencoder's "
      "reconstructions (lpips), or of other samples from each other (lpips_diversity)");
  command
      ->add_flag("--ppl", a->ppl,
                 "For a StyleGAN2: the perceptual path length in w, at the ends of as many paths as --samples")
      ->needs(lpips)
      ->excludes(data_b);
  command
      ->add_option("--nearest", a->nearest,
                   "A PNG file to write: samples, each in a row with the real images that are nearest to it in the "
                   "features")
      ->excludes(data_b);
  add_metric_options(*command, a->kid, a->is_splits);
  command->add_flag("--clean-fid", a->clean,
                    "Resize images for the Inception network as clean-fid does; the distance is called clean_fid");
  command->add_option("--memory", a->memory, "Memory limit in GiB for features held by kid, is, pr, dc, mmd and auth")
      ->check(within(0, 1e6))
      ->capture_default_str();
  command->add_flag("--each-label", a->each_label, "Compute fid, is and accuracy for each label's images too")
      ->excludes(data_b);
  command
      ->add_option("--images", a->images,
                   "In place of --model: images that any program made, a packed set, or a folder or archive of images "
                   "as dgl prepare reads them; all of equal sides, which are not resized")
      ->excludes("--model", "--direction", "--data-b", "--inputs", "--linear", "--lpips", "--ppl", "--samples", "--psi",
                 "--seed");
  command->add_flag("--json", a->json, "Print one JSON object");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
