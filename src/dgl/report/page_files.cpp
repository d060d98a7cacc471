#include "dgl/report/page_files.h"

extern "C" {
extern const char dgl_page_html[], dgl_page_html_end[];
extern const char dgl_page_css[], dgl_page_css_end[];
extern const char dgl_page_js[], dgl_page_js_end[];
extern const char dgl_chart_js[], dgl_chart_js_end[];
}

namespace dgl {

namespace {

std::string_view between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

std::string_view page_html() { return between(dgl_page_html, dgl_page_html_end); }
std::string_view page_css() { return between(dgl_page_css, dgl_page_css_end); }
std::string_view page_js() { return between(dgl_page_js, dgl_page_js_end); }
std::string_view chart_js() { return between(dgl_chart_js, dgl_chart_js_end); }

}  // namespace dgl
