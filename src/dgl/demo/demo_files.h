#pragma once

#include <string>
#include <string_view>

namespace dgl {

/// The files that all pages of models contain. demo_files.S embeds them in the library at build time.
std::string_view demo_html();
std::string_view demo_css();
/// The page's scripts, one behind the other in the order in which they need each other.
std::string demo_js();

}  // namespace dgl
