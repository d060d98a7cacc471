#include <algorithm>
#include <cstdint>

#include "dgl/base/torch.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

namespace {

constexpr int kAdamParameters = 48;  // of a launch, as in the source

struct AdamList {
  float *parameters[kAdamParameters], *m[kAdamParameters], *v[kAdamParameters];
  const float* gradients[kAdamParameters];
  long long sizes[kAdamParameters];  // NOLINT(google-runtime-int): the source's type
};

}  // namespace

void adam(const std::vector<AdamTensors>& tensors, const AdamNumbers& numbers, float gradient_scale) {
  for (size_t first = 0; first < tensors.size(); first += kAdamParameters) {
    const size_t count = std::min<size_t>(kAdamParameters, tensors.size() - first);
    AdamList list{};
    int64_t largest = 1;
    for (size_t i = 0; i < count; ++i) {
      const AdamTensors& t = tensors[first + i];
      list.parameters[i] = t.parameter.data_ptr<float>();
      list.m[i] = t.m.data_ptr<float>();
      list.v[i] = t.v.data_ptr<float>();
      list.gradients[i] = floats_of(t.gradient);
      list.sizes[i] = t.parameter.numel();
      largest = std::max(largest, t.parameter.numel());
    }
    const auto blocks = static_cast<unsigned>(std::clamp<int64_t>((largest + kThreads - 1) / kThreads, 1, 256));
    run(Launch{"adam", "adam", {}, {blocks, static_cast<unsigned>(count), 1}, tensors[first].parameter.device()}, list,
        numbers.beta1, numbers.beta2, numbers.rate, numbers.scale, numbers.epsilon, gradient_scale);
  }
}

}  // namespace dgl::ops::gpu
