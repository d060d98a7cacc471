#include "dgl/families/diffusion/denoiser.h"

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

DenoiserShape DenoiserShape::make(const DenoiserSettings& s, Rational width) {
  DenoiserShape shape{};
  static_cast<UNetShape&>(shape) = UNetShape::make(s, width);
  shape.classes = s.classes;
  shape.precondition = s.precondition;
  shape.solver = s.solver;
  return shape;
}

DenoiserShape DenoiserShape::from_settings(const TableReader& settings, const std::string& origin) {
  DenoiserShape shape{};
  static_cast<UNetShape&>(shape) = UNetShape::from_settings(settings, origin);
  constexpr int64_t kMostClasses = 100000;
  shape.classes = settings.integer("classes", 0, kMostClasses);
  shape.precondition =
      parse_precondition(settings.required_text("precondition"), origin + ": network setting precondition");
  shape.solver.name = settings.required_text("sampler");
  shape.solver.steps = settings.integer("steps", 1, kTimes);
  shape.solver.grid = settings.required_text("grid");
  check_solver(shape.solver, shape.precondition, origin);
  return shape;
}

nlohmann::json DenoiserShape::to_json() const {
  nlohmann::json json = UNetShape::to_json();
  json["family"] = "diffusion";
  json["classes"] = classes;
  json["precondition"] = to_text(precondition);
  json["sampler"] = solver.name;
  json["steps"] = solver.steps;
  json["grid"] = solver.grid;
  return json;
}

std::vector<int64_t> DenoiserShape::skips() const {
  std::vector<int64_t> all{first_channels};
  for (int64_t i = 0; i < levels(); ++i) {
    const bool last = i + 1 == levels();
    all.insert(all.end(), static_cast<size_t>(blocks + (last ? 0 : 1)), channels[static_cast<size_t>(i)]);
  }
  return all;
}

Tensor Denoiser::forward(const Tensor& x, const Tensor& times, const Tensor& labels, const Dropout& dropout) {
  const ops::ReferenceScope scope(reference());
  return predict(x, times, labels, dropout);
}

Denoised Denoiser::denoise(const Tensor& x, const Tensor& sigma, const Tensor& labels, const Dropout& dropout) {
  const Scaling factors = scaling(sigma);
  const auto scaled = [](const Tensor& images, const Tensor& by) { return images * by.view({-1, 1, 1, 1}); };
  const Tensor output = forward(scaled(x, factors.in), factors.noise, labels, dropout);
  return {output, scaled(x, factors.skip) + scaled(output, factors.out)};
}

std::function<void()> Denoiser::example_pass(int64_t batch, torch::Device device) {
  const DenoiserShape& s = shape();
  const Tensor x = torch::randn({batch, s.img_channels, s.resolution, s.resolution}, device);
  const Tensor sigma = torch::ones({batch}, device);
  const Tensor labels = s.classes > 0 ? torch::zeros({batch}, torch::dtype(torch::kLong).device(device)) : Tensor();
  return [this, x, sigma, labels] { denoise(x, sigma, labels); };
}

TensorMap Denoiser::apply(const TensorMap& inputs, const std::string& origin) {
  const DenoiserShape& s = shape();
  const bool denoises = inputs.contains("x");
  const Tensor x =
      input_tensor(inputs, denoises ? "x" : "images", {-1, s.img_channels, s.resolution, s.resolution}, origin)
          .to(torch::kFloat);
  const Tensor labels = input_labels(inputs, s.classes, x.size(0), origin);
  if (!denoises && inputs.contains("t")) {
    const Tensor times = input_tensor(inputs, "t", {x.size(0)}, origin).to(torch::kFloat);
    if (!times.isfinite().all().item<bool>()) fail("{}: tensor t: expected finite numbers", origin);
    return {{"output", forward(x, times, labels)}};
  }
  const Tensor sigma = input_tensor(inputs, "sigma", {x.size(0)}, origin).to(torch::kFloat);
  if (!(sigma.isfinite() & (sigma > 0)).all().item<bool>()) {
    fail("{}: tensor sigma: expected finite numbers above 0", origin);
  }
  if (denoises) return {{"denoised", denoise(x, sigma, labels).images}};
  return {{"output", forward(x, scaling(sigma).noise, labels)}};
}

bool Denoiser::apply_to_onnx(OnnxGraph& graph) const {
  const DenoiserShape& s = shape();
  const std::string x = graph.input("x", torch::kFloat, {s.img_channels, s.resolution, s.resolution});
  const std::string sigma = graph.input("sigma", torch::kFloat, {});
  const std::string labels = s.classes > 0 ? graph.input("labels", torch::kLong, {}) : "";
  const auto number = [&](const char* name, double value) {
    return graph.constant(name, torch::tensor(value, torch::kFloat));
  };
  const auto maps = [&](const std::string& factors) {  // [N] as [N, 1, 1, 1]
    return graph.node("Unsqueeze", {factors, graph.constant("axes", torch::tensor({1, 2, 3}, torch::kLong))});
  };
  const auto product = [&](const std::string& a, const std::string& b) { return graph.node("Mul", {a, b}); };
  const bool eps = s.precondition == Precondition::eps;
  const double variance = eps ? 1 : kDataDeviation * kDataDeviation;
  const std::string deviation =
      graph.node("Sqrt", {graph.node("Add", {product(sigma, sigma), number("variance", variance)})});
  std::string noise;
  if (eps) {
    const auto& levels = ddpm_noise_levels();
    const std::string table = graph.constant("levels", torch::tensor(levels, torch::kFloat).view({1, -1}));
    const std::string column =
        graph.node("Unsqueeze", {sigma, graph.constant("axes", torch::tensor({1}, torch::kLong))});
    const std::string distance = graph.node("Abs", {graph.node("Sub", {column, table})});
    const std::string nearest = graph.node("ArgMin", {distance}, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}});
    noise = graph.node("Cast", {nearest}, {{"to", int64_t{1}}});  // TensorProto.FLOAT
  } else {
    noise = product(graph.node("Log", {sigma}), number("noise_factor", noise_factor()));
  }
  const std::string output = to_onnx(graph, graph.node("Div", {x, maps(deviation)}), noise, labels);
  std::string kept = x, given = product(output, maps(sigma));
  if (eps) {
    kept = x;
    given = graph.node("Neg", {given});
  } else {
    const std::string square = product(deviation, deviation);
    kept = product(x, maps(graph.node("Div", {number("variance", variance), square})));
    given = graph.node("Div", {product(given, number("deviation", kDataDeviation)), maps(deviation)});
  }
  graph.output(graph.node("Add", {kept, given}), "denoised", {s.img_channels, s.resolution, s.resolution});
  return true;
}

Tensor waves_of(const Tensor& times, const Tensor& frequencies) {
  const Tensor angles = times.to(torch::kFloat).unsqueeze(1) * frequencies.to(times.device());
  return at::cat({angles.sin(), angles.cos()}, 1);
}

std::string waves_to_onnx(OnnxGraph& graph, const std::string& times, const Tensor& frequencies) {
  const std::string column = graph.node("Unsqueeze", {times, graph.constant("axes", torch::tensor({1}, torch::kLong))});
  const std::string angles = graph.node("Mul", {column, graph.constant("frequencies", frequencies.unsqueeze(0))});
  return graph.node("Concat", {graph.node("Sin", {angles}), graph.node("Cos", {angles})}, {{"axis", int64_t{1}}});
}

Tensor even_frequencies(int64_t count) {
  return at::exp(torch::arange(count, torch::kFloat) * (-std::log(10000.0) / static_cast<double>(count - 1)));
}

}  // namespace dgl
