// Included once for each variant of the GPU's kernels (emulated_gpu.cpp), without a guard.
namespace VARIANT {

#include "dgl/ops/gpu/sources/common.cuh"
// Each file has names of its own.
#include "dgl/ops/gpu/sources/act.cu"
#include "dgl/ops/gpu/sources/adam.cu"
#include "dgl/ops/gpu/sources/modulate.cu"
#include "dgl/ops/gpu/sources/norm.cu"
#include "dgl/ops/gpu/sources/pointwise.cu"
#include "dgl/ops/gpu/sources/reflect.cu"
#include "dgl/ops/gpu/sources/residual.cu"
#include "dgl/ops/gpu/sources/upfirdn2d.cu"

inline std::map<std::string, Kernel> kernels() {
  return {{"act.act", kernel(act)},
          {"act.act_slope", kernel(act_slope)},
          {"act.act_gradient", kernel(act_gradient)},
          {"adam.adam", kernel(adam)},
          {"modulate.channel_scale", kernel(channel_scale)},
          {"modulate.channel_dot", kernel(channel_dot)},
          {"norm.norm_statistics", kernel(norm_statistics)},
          {"norm.norm_apply", kernel(norm_apply)},
          {"norm.norm_gradient_sums", kernel(norm_gradient_sums)},
          {"norm.norm_input_gradient", kernel(norm_input_gradient)},
          {"pointwise.expand", kernel(expand)},
          {"pointwise.contract", kernel(contract)},
          {"pointwise.outer", kernel(outer)},
          {"reflect.reflect", kernel(reflect)},
          {"reflect.fold", kernel(fold)},
          {"residual.spread", kernel(spread)},
          {"residual.gather", kernel(gather)},
          {"upfirdn2d.upfirdn2d", kernel(upfirdn2d)},
          {"upfirdn2d.upfirdn2d_down", kernel(upfirdn2d_down)},
          {"upfirdn2d.upfirdn2d_same", kernel(upfirdn2d_same)},
          {"upfirdn2d.upfirdn2d_up", kernel(upfirdn2d_up)}};
}

}  // namespace VARIANT
