// Bytes of the report's page, with symbols NAME and NAME_end for each file. DGL_CHART_JS is defined in CMakeLists.txt;
// the other files are in this folder.
.macro page_file name, path
  .global \name
  .global \name\()_end
\name:
  .incbin "\path"
\name\()_end:
.endm

.section .rodata
page_file dgl_page_html, "page/report.html"
page_file dgl_page_css, "page/report.css"
page_file dgl_page_js, "page/report.js"
page_file dgl_chart_js, DGL_CHART_JS

.section .note.GNU-stack, "", %progbits
