#pragma once

#include <toml++/toml.h>
#include <string>

namespace dgl {

/// TOML text as a table. Error that names `origin` and the line for text that is not TOML.
toml::table parse_toml(const std::string& text, const std::string& origin);

}  // namespace dgl
