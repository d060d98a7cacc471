#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/metric_options.h"
#include "dgl/data/opened_set.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/frechet.h"
#include "dgl/metrics/inception_score.h"
#include "dgl/metrics/kid.h"
#include "dgl/metrics/measure.h"
#include "dgl/metrics/mmd.h"
#include "dgl/metrics/precision_recall.h"

namespace dgl {

namespace {

struct MetricsArguments {
  std::string real, fake, metrics;
  KidOptions kid;
  int64_t is_splits = 10;
  bool json = false;
};

/// The tensor `name` [rows, columns] of a file, with at least `least` rows of finite floating-point numbers.
const torch::Tensor& table(const TensorFile& file, const std::string& name, const std::string& origin, int64_t least) {
  const torch::Tensor& tensor = file.at(name, origin);
  if (!tensor.is_floating_point()) {
    fail("{}: tensor {}: expected floating-point numbers, got {}", origin, name, c10::toString(tensor.scalar_type()));
  }
  if (tensor.dim() != 2 || tensor.size(1) < 1) {
    fail("{}: tensor {}: expected [N, d], got [{}]", origin, name,
         fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "));
  }
  if (tensor.size(0) < least) fail("{}: tensor {}: {} rows, expected at least {}", origin, name, tensor.size(0), least);
  if (!tensor.isfinite().all().item<bool>()) fail("{}: tensor {}: there are numbers that are not finite", origin, name);
  return tensor;
}

FeatureStatistics statistics(const torch::Tensor& features) {
  StatisticsAccumulator sums;
  sums.add(features);
  return sums.finish();
}

void run(const MetricsArguments& arguments) {
  for (const std::string& path : {arguments.real, arguments.fake}) {
    if (fs::is_directory(path) || is_packed_set(path)) {
      fail("{}: images, not features in a file; `dgl eval --images {} --data {} --features NETWORK` compares images",
           path, arguments.fake, arguments.real);
    }
  }
  const TensorFile real_file = load_safetensors(arguments.real), fake_file = load_safetensors(arguments.fake);
  // Without a wish, all that the files allow.
  const bool chosen = !arguments.metrics.empty();
  MetricSet wanted{.fid = true};
  if (chosen) wanted = MetricSet::parse(arguments.metrics, "--metrics");
  if (wanted.accuracy)
    throw UsageError(
        "--metrics accuracy: features in files have no labels; expected fid, kid, is, pr, dc, mmd and auth");
  const int64_t least = wanted.dc ? kDensityNeighbors + 1 : wanted.pr ? kPrecisionNeighbors + 1 : 2;
  const torch::Tensor real = table(real_file, "features", arguments.real, least);
  const torch::Tensor fake = table(fake_file, "features", arguments.fake, least);
  if (real.size(1) != fake.size(1)) {
    fail("{}: tensor features: {} columns, but {} in {}", arguments.fake, fake.size(1), real.size(1), arguments.real);
  }
  if (!chosen) {
    const bool scored = fake_file.contains("logits") && fake_file.at("logits", arguments.fake).dim() == 2;
    wanted = possible_metrics({.real = real.size(0),
                               .fake = fake.size(0),
                               .scores = scored ? fake_file.at("logits", arguments.fake).size(0) : 0,
                               .kid_subset_size = arguments.kid.subset_size,
                               .is_splits = arguments.is_splits},
                              [](const std::string& line) { fmt::print(stderr, "{}\n", line); });
  }
  for (const auto& [rows, origin] : {std::pair{real.size(0), arguments.real}, {fake.size(0), arguments.fake}}) {
    if (wanted.kid && rows < arguments.kid.subset_size) {
      fail("{}: tensor features: {} rows, expected at least --kid-subset-size {}", origin, rows,
           arguments.kid.subset_size);
    }
  }
  if (wanted.is) table(fake_file, "logits", arguments.fake, arguments.is_splits);

  nlohmann::json result;
  std::string words;
  if (wanted.fid) {
    result["fid"] = frechet_distance(statistics(real), statistics(fake));
    words += fmt::format("fid {:.7g}\n", result["fid"].get<double>());
  }
  if (wanted.kid) {
    const Kid kid = kernel_distance(real, fake, arguments.kid);
    result["kid_mean"] = kid.mean;
    result["kid_std"] = kid.deviation;
    words += fmt::format("kid {:.7g} +- {:.7g}\n", kid.mean, kid.deviation);
  }
  if (wanted.pr) {
    const PrecisionRecall shares = precision_recall(real, fake, kPrecisionNeighbors);
    result["precision"] = shares.precision;
    result["recall"] = shares.recall;
    words += fmt::format("precision {:.7g}\nrecall {:.7g}\n", shares.precision, shares.recall);
  }
  if (wanted.dc) {
    const DensityCoverage found = density_coverage(real, fake, kDensityNeighbors);
    result["density"] = found.density;
    result["coverage"] = found.coverage;
    words += fmt::format("density {:.7g}\ncoverage {:.7g}\n", found.density, found.coverage);
  }
  if (wanted.mmd) {
    result["mmd"] = rbf_mmd(real, fake);
    words += fmt::format("mmd {:.7g}\n", result["mmd"].get<double>());
  }
  if (wanted.auth) {
    result["authentic"] = authentic_percentage(real, fake);
    words += fmt::format("authentic {:.7g} %\n", result["authentic"].get<double>());
  }
  if (wanted.is) {
    const InceptionScore score = inception_score(fake_file.at("logits", arguments.fake), arguments.is_splits);
    result["is_mean"] = score.mean;
    result["is_std"] = score.deviation;
    words += fmt::format("is {:.7g} +- {:.7g}\n", score.mean, score.deviation);
  }
  fmt::print("{}", arguments.json ? result.dump() + "\n" : words);
}

}  // namespace

void add_metrics(CLI::App& app, CommonOptions&) {
  CLI::App* command = app.add_subcommand("metrics",
                                         "Compute FID, KID, precision and recall, density and coverage, MMD, the share "
                                         "that is no copy, and IS from features in files");
  auto a = std::make_shared<MetricsArguments>();
  command->add_option("--real", a->real, "Safetensors file with features [N, d] of real images")->required();
  command
      ->add_option("--fake", a->fake,
                   "Safetensors file with features [N, d] of generated images, and logits [N, k] for IS")
      ->required();
  command->add_option("--metrics", a->metrics,
                      "Comma-separated metrics: fid, kid, is, pr, dc, mmd, auth (default: all that the files allow)");
  add_metric_options(*command, a->kid, a->is_splits);
  command->add_flag("--json", a->json, "Print one JSON object");
  command->callback([a] { run(*a); });
}

}  // namespace dgl
