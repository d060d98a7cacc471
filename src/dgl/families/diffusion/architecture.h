#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/families/diffusion/denoiser.h"

namespace dgl {

/// The names that network.architecture takes: "ddpm", "ddpm++", "ncsn++". A new one is a line in architecture.cpp.
std::vector<std::string> denoiser_architectures();

/// settings() of a denoiser of settings.architecture at a width. Throws Error for an architecture that is not known, or
/// settings that it cannot have.
nlohmann::json shape_of_denoiser(const DenoiserSettings& settings, Rational width);

/// Builds a denoiser of these settings(); those of earlier versions do not name an architecture and are "ddpm". Throws
/// Error, naming `origin`, for an architecture that is not known, a setting out of its range or more than `max_params`
/// parameters.
std::shared_ptr<Denoiser> make_denoiser(const nlohmann::json& shape, const std::string& origin, int64_t max_params);
/// Its cost. Throws Error as make_denoiser().
Cost denoiser_cost(const nlohmann::json& shape, const std::string& origin);

}  // namespace dgl
