#include "dgl/guidance/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

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

using ScheduleFactory = Schedule (*)(const NamedOption& option, double lambda, const std::string& key);

/// The one argument of a schedule, in (0, 1].
double share_of(const NamedOption& option, double default_value, const std::string& key) {
  option.expect_at_most(1, key);
  return option.number(0, default_value, 1e-6, 1, key);
}

constexpr struct {
  const char* name;
  ScheduleFactory make;
} kSchedules[] = {
    {"constant",
     [](const NamedOption& option, double lambda, const std::string& key) {
       option.expect_at_most(0, key);
       return constant_schedule(lambda);
     }},
    {"linear",
     [](const NamedOption& option, double lambda, const std::string& key) -> Schedule {
       return [lambda, s = share_of(option, 1, key)](double p) { return lambda * std::min(p / s, 1.0); };
     }},
    {"cosine",
     [](const NamedOption& option, double lambda, const std::string& key) -> Schedule {
       return [lambda, s = share_of(option, 1, key)](double p) {
         return lambda * (1 - std::cos(std::numbers::pi * std::min(p / s, 1.0))) / 2;
       };
     }},
    {"decay",
     [](const NamedOption& option, double lambda, const std::string& key) -> Schedule {
       return [lambda, r = share_of(option, 0.1, key)](double p) { return lambda * std::pow(r, p); };
     }},
    {"piecewise",
     [](const NamedOption& option, double lambda, const std::string& key) -> Schedule {
       return [lambda, corners = parse_corners(option, key)](double p) { return lambda * interpolate(corners, p); };
     }},
};

}  // namespace

Schedule constant_schedule(double lambda) {
  return [lambda](double) { return lambda; };
}

Schedule make_schedule(const std::string& text, double lambda, const std::string& key) {
  const NamedOption option = parse_named_option(text);
  std::vector<std::string> names;
  for (const auto& schedule : kSchedules) {
    if (option.name == schedule.name) return schedule.make(option, lambda, key);
    names.emplace_back(schedule.name);
  }
  fail("{} = \"{}\": expected one of {}", key, text, fmt::join(names, ", "));
}

}  // namespace dgl
