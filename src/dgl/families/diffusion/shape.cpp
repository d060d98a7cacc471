#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/diffusion/networks.h"
#include "dgl/nn/settings.h"

namespace dgl {

DenoiserShape DenoiserShape::make(const DenoiserSettings& s, Rational width) {
  DenoiserShape shape{};
  static_cast<UNetShape&>(shape) = UNetShape::make(s, width);
  shape.classes = s.classes;
  shape.precondition = s.precondition;
  shape.solver = s.solver;
  return from_json(shape.to_json(), "the recipe");
}

DenoiserShape DenoiserShape::from_json(const nlohmann::json& json, const std::string& origin) {
  const TableReader settings = network_settings(json, origin);
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
  if (shape.first_channels < 4 || shape.first_channels % 2 != 0) {
    fail(
        "{}: the first layer has {} feature maps; expected an even number of 4 or more, for sines and cosines of times",
        origin, shape.first_channels);
  }
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

Cost DenoiserShape::cost() const {
  CostCounter counter;
  counter.linear(first_channels, embedding());
  counter.linear(embedding(), embedding());
  counter.cost.params += classes * embedding();
  int64_t in = first_channels, s = resolution;
  counter.conv(img_channels, in, 3, s * s, true);
  const auto count_block = [&](int64_t level, int64_t inputs) {
    const int64_t out = channels[static_cast<size_t>(level)];
    ResidualBlock::count(counter, inputs, out, s * s, embedding());
    if (attends(level)) AttentionBlock::count(counter, out, s * s);
    in = out;
  };
  const auto count_resampling = [&] { counter.conv(in, in, 3, s * s, true); };
  for (int64_t i = 0; i < levels(); ++i) {
    for (int64_t block = 0; block < blocks; ++block) count_block(i, in);
    if (i + 1 == levels()) break;
    s /= 2;
    count_resampling();
  }
  MiddleBlocks::count(counter, in, s * s, embedding());
  auto rest = skips();
  for (int64_t i = levels() - 1; i >= 0; --i) {
    for (int64_t block = 0; block <= blocks; ++block) {
      count_block(i, in + rest.back());
      rest.pop_back();
    }
    if (i == 0) break;
    s *= 2;
    count_resampling();
  }
  count_norm(counter, in);
  counter.conv(in, img_channels, 3, s * s, true);
  return counter.cost;
}

}  // namespace dgl
