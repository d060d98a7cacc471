#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dgl/families/family.h"

namespace dgl {

/// Sets the keys of [network] so that a family makes generators as a model has them, unless it does already. Returns
/// false, and changes nothing, if a layer's width is none that a recipe can say.
bool describe_model(const Family& family, const NetworkSet& model, FamilySettings& settings);

/// The family's default settings with [network] of describe_model(). Throws Error, which names `origin`, if a recipe
/// cannot say it.
std::unique_ptr<FamilySettings> settings_of_model(const Family& family, const NetworkSet& model,
                                                  const std::string& origin);

/// The keys of [network] that make generators of another size than a model of their family has, in words:
/// "network.w_dim = 12 where it has 8". Labels are not compared. Empty if there are none, or none that a recipe can
/// say.
std::vector<std::string> contradictions(const Family& family, const FamilySettings& settings, const NetworkSet& model);

}  // namespace dgl
