#pragma once

#include <string_view>

namespace dgl {

/// The files that all reports contain. page_files.S embeds them in the library at build time.
std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
/// The minified build of Chart.js (MIT license).
std::string_view chart_js();

}  // namespace dgl
