// The report's page. DGL_CHART_JS is defined in CMakeLists.txt; the other files are in this folder.
#include "dgl/base/embed.inc"

embed dgl_page_html, "page/report.html"
embed dgl_page_css, "page/report.css"
embed dgl_page_js, "page/report.js"
embed dgl_chart_js, DGL_CHART_JS
