#include "dgl/demo/demo_files.h"

extern "C" {
extern const char dgl_demo_html[], dgl_demo_html_end[];
extern const char dgl_demo_css[], dgl_demo_css_end[];
extern const char dgl_demo_torch_random[], dgl_demo_torch_random_end[];
extern const char dgl_demo_engine[], dgl_demo_engine_end[];
extern const char dgl_demo_view[], dgl_demo_view_end[];
extern const char dgl_demo_draw[], dgl_demo_draw_end[];
extern const char dgl_demo_map[], dgl_demo_map_end[];
extern const char dgl_demo_main[], dgl_demo_main_end[];
}

namespace dgl {

namespace {

std::string_view embedded(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

std::string_view demo_html() { return embedded(dgl_demo_html, dgl_demo_html_end); }
std::string_view demo_css() { return embedded(dgl_demo_css, dgl_demo_css_end); }

std::string demo_js() {
  std::string all;
  all += embedded(dgl_demo_torch_random, dgl_demo_torch_random_end);
  all += embedded(dgl_demo_engine, dgl_demo_engine_end);
  all += embedded(dgl_demo_view, dgl_demo_view_end);
  all += embedded(dgl_demo_draw, dgl_demo_draw_end);
  all += embedded(dgl_demo_map, dgl_demo_map_end);
  all += embedded(dgl_demo_main, dgl_demo_main_end);
  return all;
}

}  // namespace dgl
