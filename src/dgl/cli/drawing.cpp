#include "dgl/cli/drawing.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/cli/number_list.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/interpolation.h"
#include "dgl/nn/style_sampler.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kMostFrames = 100000;
constexpr int64_t kUsualMixedLayers = 7;  // of style_mixing.py

void check_latents(const DrawnModel& model, const std::string& option) {
  if (!model.sampler.spec().latent_shape.empty()) return;
  fail("{}: {}: it makes images from images, not from a seed's latents", option, model.file);
}

StyleSampler& styles_of(const DrawnModel& model, const std::string& option) {
  if (StyleSampler* styles = model.sampler.styles()) return *styles;
  fail("{}: {}: it has no styles w; expected a StyleGAN2", option, model.file);
}

/// What the first images of seeds are made from, one image each.
Condition condition_of(const DrawnModel& model, const std::vector<int64_t>& seeds) {
  const SampleSpec spec = model.sampler.spec();
  std::vector<Tensor> latents, labels;
  for (const int64_t seed : seeds) {
    DrawOptions options;
    options.count = 1;
    options.seed = static_cast<uint64_t>(seed);
    const Condition one = draw_condition(spec, options);
    latents.push_back(one.latents);
    if (one.labels.defined()) labels.push_back(one.labels);
  }
  Condition all{at::cat(latents), {}, {}};
  if (model.label >= 0) {
    all.labels = torch::full({all.latents.size(0)}, model.label, torch::kLong);
  } else if (!labels.empty()) {
    all.labels = at::cat(labels);
  }
  return all;
}

/// The truncated w [N, w_dim] of seeds, on the CPU, each mapped by itself.
Tensor w_of(const DrawnModel& model, StyleSampler& styles, const std::vector<int64_t>& seeds) {
  const torch::NoGradGuard no_grad;
  const Condition condition = condition_of(model, seeds);
  std::vector<Tensor> all;
  for (int64_t i = 0; i < condition.latents.size(0); ++i) {
    const auto one = [&](const Tensor& tensor) {
      return tensor.defined() ? tensor.slice(0, i, i + 1).to(model.options.device) : tensor;
    };
    Tensor w = styles.map(one(condition.latents), one(condition.labels));
    if (model.options.psi != 1) w = styles.mean_w().lerp(w, model.options.psi);
    all.push_back(w.cpu());
  }
  return at::cat(all);
}

Tensor for_all_layers(const Tensor& w, const StyleSampler& styles) {
  return w.unsqueeze(1).expand({-1, styles.num_ws(), -1});
}

/// Where each frame of a film stands: between the seeds `from` and from + 1, at the share t.
struct FramePlace {
  int64_t from;
  double t;
};

std::vector<FramePlace> frame_places(const std::vector<int64_t>& seeds, int64_t frames) {
  std::vector<FramePlace> places;
  const auto legs = static_cast<int64_t>(seeds.size()) - 1;
  for (int64_t leg = 0; leg < legs; ++leg) {
    for (int64_t i = 0; i < frames; ++i) places.push_back({leg, static_cast<double>(i) / static_cast<double>(frames)});
  }
  if (seeds.front() != seeds.back()) places.push_back({legs, 0});
  return places;
}

}  // namespace

Drawing draw_seeds(const DrawnModel& model, const std::vector<int64_t>& seeds) {
  check_latents(model, "--seeds");
  const Condition condition = condition_of(model, seeds);
  DrawOptions options = model.options;
  if (options.batch == 0) options.batch = 1;
  Sampler& sampler = model.sampler;
  return {.count = static_cast<int64_t>(seeds.size()),
          .labels = condition.labels,
          .draw = [&sampler, condition, options] { return sample_images(sampler, condition, options); }};
}

Drawing draw_film(const DrawnModel& model, const std::vector<int64_t>& seeds, int64_t frames) {
  const std::string option = "--interpolate";
  check_latents(model, option);
  if (seeds.size() < 2) fail("{}: expected two or more seeds", option);
  const auto legs = static_cast<int64_t>(seeds.size()) - 1;
  if (frames > kMostFrames / legs) fail("{}: expected at most {} frames in all", option, kMostFrames);
  const auto places = frame_places(seeds, frames);
  const auto count = static_cast<int64_t>(places.size());
  Drawing drawing{.count = count, .columns = frames + 1};
  for (int64_t leg = 0; leg < legs; ++leg) {
    for (int64_t i = 0; i <= frames; ++i) drawing.cells.push_back((leg * frames + i) % count);
  }
  Sampler& sampler = model.sampler;
  const DrawOptions options = model.options;
  // Of all frames, along `point` from one seed's row of `keys` to the next one's.
  const auto along = [places](const Tensor& keys, const auto& point) {
    std::vector<Tensor> all;
    for (const auto& [from, t] : places) all.push_back(t == 0 ? keys[from] : point(keys[from], keys[from + 1], t));
    return at::stack(all);
  };
  if (StyleSampler* styles = sampler.styles()) {
    drawing.draw = [=, &sampler] {
      const Tensor w = along(w_of({sampler, model.file, model.label, options}, *styles, seeds),
                             [](const Tensor& a, const Tensor& b, double t) { return a.lerp(b, t); });
      return draw_styles(sampler, for_all_layers(w, *styles), options);
    };
    return drawing;
  }
  const int64_t classes = sampler.spec().classes;
  if (classes > 0 && model.label < 0) fail("{}: {} has {} labels; give --label", option, model.file, classes);
  Condition condition = condition_of(model, seeds);
  condition.latents = along(condition.latents, slerp);
  if (classes > 0) condition.labels = torch::full({count}, model.label, torch::kLong);
  drawing.labels = condition.labels;
  drawing.draw = [=, &sampler] { return sample_images(sampler, condition, options); };
  return drawing;
}

MixRequest parse_mix(const std::string& text) {
  const size_t colon = text.find(':'), at = text.find('@');
  if (colon == std::string::npos || (at != std::string::npos && at < colon)) {
    fail("--mix {}: expected seeds of rows and of columns, such as 1-4:5-8, or with layers 1-4:5-8@0-3", text);
  }
  constexpr size_t kMostSeeds = 1000;
  const size_t length = at == std::string::npos ? at : at - colon - 1;
  MixRequest request{.rows = parse_number_list(text.substr(0, colon), "--mix", kMostSeeds),
                     .columns = parse_number_list(text.substr(colon + 1, length), "--mix", kMostSeeds),
                     .layers = {}};
  if (at != std::string::npos) request.layers = parse_number_list(text.substr(at + 1), "--mix", kMostSeeds);
  return request;
}

Drawing draw_mix(const DrawnModel& model, const MixRequest& request) {
  StyleSampler& styles = styles_of(model, "--mix");
  std::vector<int64_t> layers = request.layers;
  if (layers.empty()) {
    layers.resize(static_cast<size_t>(std::max<int64_t>(1, std::min(kUsualMixedLayers, styles.num_ws() / 2))));
    std::iota(layers.begin(), layers.end(), 0);
  }
  for (const int64_t layer : layers) {
    if (layer >= styles.num_ws()) {
      fail("--mix: layer {}: {} has the layers 0 to {}", layer, model.file, styles.num_ws() - 1);
    }
  }
  const auto rows = static_cast<int64_t>(request.rows.size()), columns = static_cast<int64_t>(request.columns.size());
  Drawing drawing{.count = (rows + 1) * (columns + 1), .columns = columns + 1, .is_grid = true};
  drawing.draw = [=, &styles] {
    const Tensor of_rows = for_all_layers(w_of(model, styles, request.rows), styles);
    const Tensor of_columns = for_all_layers(w_of(model, styles, request.columns), styles);
    const Tensor mixed_layers = torch::tensor(layers, torch::kLong);
    std::vector<Tensor> ws{of_columns};
    for (int64_t row = 0; row < rows; ++row) {
      const Tensor own = of_rows.slice(0, row, row + 1);
      Tensor mixed = own.repeat({columns, 1, 1});
      mixed.index_copy_(1, mixed_layers, of_columns.index_select(1, mixed_layers));
      ws.insert(ws.end(), {own, mixed});
    }
    const Tensor images = draw_styles(model.sampler, at::cat(ws), model.options);
    return at::cat({torch::full_like(images.slice(0, 0, 1), -1), images});
  };
  return drawing;
}

Drawing draw_styles_of(const DrawnModel& model, const std::string& file) {
  StyleSampler& styles = styles_of(model, "--w");
  const Tensor w = load_safetensors(file).at("w", file);
  const int64_t layers = styles.num_ws(), size = styles.w_dim();
  const bool fits = w.is_floating_point() && w.numel() > 0 && w.size(-1) == size &&
                    (w.dim() == 2 || (w.dim() == 3 && w.size(1) == layers));
  if (!fits) fail_file("{}: tensor w: expected float32 [N, {}] or [N, {}, {}]", file, size, layers, size);
  if (!w.isfinite().all().item<bool>()) fail_file("{}: tensor w: it holds values that are not finite", file);
  const Tensor ws = w.dim() == 3 ? w.to(torch::kFloat) : for_all_layers(w.to(torch::kFloat), styles);
  return {.count = ws.size(0), .draw = [=] { return draw_styles(model.sampler, ws, model.options); }};
}

}  // namespace dgl
