#include "dgl/families/diffusion/architecture.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/families/diffusion/song_denoiser.h"
#include "dgl/nn/settings.h"

namespace dgl {

namespace {

/// A kind of denoiser: the values of "architecture" in its settings, what its networks look like at given settings, and
/// how they are built.
struct DenoiserKind {
  std::vector<std::string> architectures;
  nlohmann::json (*shape)(const DenoiserSettings& settings, Rational width);
  Cost (*cost)(const nlohmann::json& shape, const std::string& origin);
  std::shared_ptr<Denoiser> (*make)(const nlohmann::json& shape, const std::string& origin);
};

template <class Shape, class Network>
DenoiserKind denoiser_kind(std::vector<std::string> architectures) {
  return {std::move(architectures),
          [](const DenoiserSettings& settings, Rational width) { return Shape::make(settings, width).to_json(); },
          [](const nlohmann::json& shape, const std::string& origin) { return Shape::from_json(shape, origin).cost(); },
          [](const nlohmann::json& shape, const std::string& origin) -> std::shared_ptr<Denoiser> {
            return std::make_shared<Network>(Shape::from_json(shape, origin));
          }};
}

/// All kinds. A new one is a line here.
std::vector<DenoiserKind> denoiser_kinds() {
  return {denoiser_kind<DdpmShape, DdpmDenoiser>({DdpmShape::kArchitecture}),
          denoiser_kind<SongShape, SongDenoiser>(song_architecture_names())};
}

DenoiserKind find_denoiser_kind(const std::string& name, const std::string& key) {
  for (const DenoiserKind& kind : denoiser_kinds()) {
    if (std::find(kind.architectures.begin(), kind.architectures.end(), name) != kind.architectures.end()) return kind;
  }
  fail("{} = \"{}\": expected {}", key, name, fmt::join(denoiser_architectures(), " or "));
}

/// That of a denoiser's settings().
DenoiserKind kind_of_denoiser(const nlohmann::json& shape, const std::string& origin) {
  const auto name = network_settings(shape, origin).text("architecture");
  return find_denoiser_kind(name.value_or(DdpmShape::kArchitecture), origin + ": network setting architecture");
}

}  // namespace

std::vector<std::string> denoiser_architectures() {
  std::vector<std::string> names;
  for (const DenoiserKind& kind : denoiser_kinds()) {
    names.insert(names.end(), kind.architectures.begin(), kind.architectures.end());
  }
  return names;
}

nlohmann::json shape_of_denoiser(const DenoiserSettings& settings, Rational width) {
  return find_denoiser_kind(settings.architecture, "network.architecture").shape(settings, width);
}

std::shared_ptr<Denoiser> make_denoiser(const nlohmann::json& shape, const std::string& origin, int64_t max_params) {
  const DenoiserKind kind = kind_of_denoiser(shape, origin);
  check_size(kind.cost(shape, origin), max_params, origin);
  return kind.make(shape, origin);
}

Cost denoiser_cost(const nlohmann::json& shape, const std::string& origin) {
  return kind_of_denoiser(shape, origin).cost(shape, origin);
}

}  // namespace dgl
