// Bytes of the page of a model, with symbols NAME and NAME_end for each file of this folder's page/.
.macro demo_file name, path
  .global \name
  .global \name\()_end
\name:
  .incbin "\path"
\name\()_end:
.endm

.section .rodata
demo_file dgl_demo_html, "page/demo.html"
demo_file dgl_demo_css, "page/demo.css"
demo_file dgl_demo_torch_random, "page/torch_random.js"
demo_file dgl_demo_engine, "page/engine.js"
demo_file dgl_demo_view, "page/view.js"
demo_file dgl_demo_draw, "page/draw.js"
demo_file dgl_demo_map, "page/map.js"
demo_file dgl_demo_main, "page/main.js"

.section .note.GNU-stack, "", %progbits
