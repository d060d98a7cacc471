// The sources of the GPU's kernels, of the folder sources/.
#include "dgl/base/embed.inc"

embed dgl_kernel_common, "sources/common.cuh"
embed dgl_kernel_act, "sources/act.cu"
embed dgl_kernel_adam, "sources/adam.cu"
embed dgl_kernel_modulate, "sources/modulate.cu"
embed dgl_kernel_norm, "sources/norm.cu"
embed dgl_kernel_pointwise, "sources/pointwise.cu"
embed dgl_kernel_reflect, "sources/reflect.cu"
embed dgl_kernel_residual, "sources/residual.cu"
embed dgl_kernel_upfirdn2d, "sources/upfirdn2d.cu"
