// The bytes of the page of `dgl report --watch`, with the symbols dgl_live_html and dgl_live_html_end.
.section .rodata
.global dgl_live_html
.global dgl_live_html_end
dgl_live_html:
  .incbin "live/live.html"
dgl_live_html_end:

.section .note.GNU-stack, "", %progbits
