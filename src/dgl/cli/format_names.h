#pragma once

#include <string>
#include <vector>

namespace dgl {

/// Names of the checkpoint formats of all families, or of those that models can be exported to.
std::vector<std::string> format_names(bool only_exports);

}  // namespace dgl
