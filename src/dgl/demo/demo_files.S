// The page of a model, of this folder's page/.
#include "dgl/base/embed.inc"

embed dgl_demo_html, "page/demo.html"
embed dgl_demo_css, "page/demo.css"
embed dgl_demo_torch_random, "page/torch_random.js"
embed dgl_demo_engine, "page/engine.js"
embed dgl_demo_view, "page/view.js"
embed dgl_demo_draw, "page/draw.js"
embed dgl_demo_map, "page/map.js"
embed dgl_demo_main, "page/main.js"
