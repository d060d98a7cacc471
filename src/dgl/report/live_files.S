// The page of `dgl report --watch`.
#include "dgl/base/embed.inc"

embed dgl_live_html, "live/live.html"
