// The sources of the GPU's kernels, with symbols NAME and NAME_end for each file of the folder sources/.
.macro kernel_source name, path
  .global \name
  .global \name\()_end
\name:
  .incbin "\path"
\name\()_end:
.endm

.section .rodata
kernel_source dgl_kernel_common, "sources/common.cuh"
kernel_source dgl_kernel_act, "sources/act.cu"
kernel_source dgl_kernel_adam, "sources/adam.cu"
kernel_source dgl_kernel_modulate, "sources/modulate.cu"
kernel_source dgl_kernel_norm, "sources/norm.cu"
kernel_source dgl_kernel_pointwise, "sources/pointwise.cu"
kernel_source dgl_kernel_reflect, "sources/reflect.cu"
kernel_source dgl_kernel_residual, "sources/residual.cu"
kernel_source dgl_kernel_upfirdn2d, "sources/upfirdn2d.cu"

.section .note.GNU-stack, "", %progbits
