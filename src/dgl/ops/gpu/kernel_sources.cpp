#include "dgl/ops/gpu/kernel_sources.h"

#include <string_view>

#include "dgl/base/error.h"

extern "C" {
extern const char dgl_kernel_common[], dgl_kernel_common_end[];
extern const char dgl_kernel_act[], dgl_kernel_act_end[];
extern const char dgl_kernel_adam[], dgl_kernel_adam_end[];
extern const char dgl_kernel_modulate[], dgl_kernel_modulate_end[];
extern const char dgl_kernel_norm[], dgl_kernel_norm_end[];
extern const char dgl_kernel_pointwise[], dgl_kernel_pointwise_end[];
extern const char dgl_kernel_reflect[], dgl_kernel_reflect_end[];
extern const char dgl_kernel_residual[], dgl_kernel_residual_end[];
extern const char dgl_kernel_upfirdn2d[], dgl_kernel_upfirdn2d_end[];
}

namespace dgl::ops::gpu {

namespace {

struct KernelFile {
  std::string name;
  const char *begin, *end;
  std::string_view text() const { return {begin, static_cast<size_t>(end - begin)}; }
};

const std::vector<KernelFile>& kernel_files() {
  static const std::vector<KernelFile> files{
      {"act", dgl_kernel_act, dgl_kernel_act_end},
      {"adam", dgl_kernel_adam, dgl_kernel_adam_end},
      {"modulate", dgl_kernel_modulate, dgl_kernel_modulate_end},
      {"norm", dgl_kernel_norm, dgl_kernel_norm_end},
      {"pointwise", dgl_kernel_pointwise, dgl_kernel_pointwise_end},
      {"reflect", dgl_kernel_reflect, dgl_kernel_reflect_end},
      {"residual", dgl_kernel_residual, dgl_kernel_residual_end},
      {"upfirdn2d", dgl_kernel_upfirdn2d, dgl_kernel_upfirdn2d_end},
  };
  return files;
}

}  // namespace

std::vector<std::string> source_names() {
  std::vector<std::string> names;
  for (const KernelFile& file : kernel_files()) names.push_back(file.name);
  return names;
}

std::string kernel_source(const std::string& name, const Variant& variant) {
  for (const KernelFile& file : kernel_files()) {
    if (file.name != name) continue;
    const std::string_view common(dgl_kernel_common, static_cast<size_t>(dgl_kernel_common_end - dgl_kernel_common));
    return fmt::format(
        "#define BFLOAT16 {}\n#define CHANNELS_LAST {}\n#define WIDTH {}\n"
        "#define KERNEL(name) extern \"C\" __global__ void __launch_bounds__({}) name\n"
        "#line 1 \"common.cuh\"\n{}\n#line 1 \"{}.cu\"\n{}",
        variant.bfloat16 ? 1 : 0, variant.channels_last ? 1 : 0, variant.width, kThreads, common, name, file.text());
  }
  throw InternalError(fmt::format("{}.cu: there are no such kernels", name));
}

}  // namespace dgl::ops::gpu
