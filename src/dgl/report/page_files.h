#pragma once

#include <string_view>

namespace dgl {

/// The files that every report is made of, put into the library by page_files.S when it is built.
std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
/// Chart.js (MIT licence), its minified build.
std::string_view chart_js();

}  // namespace dgl
