#include "dgl/guidance/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"

namespace dgl {

namespace {

struct Corner {
  double progress, factor;
};

std::vector<Corner> parse_corners(const NamedOption& choice, const std::string& key) {
  std::vector<Corner> corners;
  for (const std::string& text : choice.arguments) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) fail("{}: \"{}\": expected PROGRESS=FACTOR", key, text);
    const Corner corner{parse_number(text.substr(0, equals), key), parse_number(text.substr(equals + 1), key)};
    if (!(corner.progress >= 0 && corner.progress <= 1) || corner.factor < 0) {
      fail("{}: \"{}\": expected a progress of 0 to 1 and a factor of 0 or more", key, text);
    }
    if (!corners.empty() && corner.progress <= corners.back().progress) {
      fail("{}: \"{}\": expected a progress above {}", key, text, corners.back().progress);
    }
    corners.push_back(corner);
  }
  if (corners.empty()) fail("{}: piecewise needs PROGRESS=FACTOR,…", key);
  return corners;
}

double interpolate(const std::vector<Corner>& corners, double progress) {
  const auto after =
      std::find_if(corners.begin(), corners.end(), [&](const Corner& c) { return c.progress >= progress; });
  if (after == corners.end()) return corners.back().factor;
  if (after == corners.begin()) return after->factor;
  const Corner& before = *(after - 1);
  const double share = (progress - before.progress) / (after->progress - before.progress);
  return before.factor + share * (after->factor - before.factor);
}

}  // namespace

Schedule constant_schedule(double lambda) {
  return [lambda](double) { return lambda; };
}

Schedule make_schedule(const std::string& text, double lambda, const std::string& key) {
  const NamedOption choice = parse_named_option(text);
  const auto share = [&](double otherwise) {
    choice.expect_at_most(1, key);
    return choice.number(0, otherwise, 1e-6, 1, key);
  };
  if (choice.name == "constant") {
    choice.expect_at_most(0, key);
    return constant_schedule(lambda);
  }
  if (choice.name == "linear") {
    return [lambda, s = share(1)](double p) { return lambda * std::min(p / s, 1.0); };
  }
  if (choice.name == "cosine") {
    return [lambda, s = share(1)](double p) {
      return lambda * (1 - std::cos(std::numbers::pi * std::min(p / s, 1.0))) / 2;
    };
  }
  if (choice.name == "decay") {
    return [lambda, r = share(0.1)](double p) { return lambda * std::pow(r, p); };
  }
  if (choice.name == "piecewise") {
    return [lambda, corners = parse_corners(choice, key)](double p) { return lambda * interpolate(corners, p); };
  }
  fail("{} = \"{}\": expected constant, linear, cosine, decay or piecewise", key, text);
}

}  // namespace dgl
