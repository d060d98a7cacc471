#pragma once

#include <string>
#include <vector>

#include "dgl/families/family.h"

namespace dgl {

/// The keys resolution, img_channels and classes, which most families have.
std::vector<ConfigKey> image_keys(FamilySettings& settings);

/// Throws Error (naming `origin`) for a resolution that is no power of two, or two channels.
void check_image(const FamilySettings& settings, const std::string& origin);

}  // namespace dgl
