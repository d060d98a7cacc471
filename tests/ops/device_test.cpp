#include "devices.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/norm_relu.h"
#include "dgl/ops/pointwise.h"
#include "dgl/ops/residual.h"
#include "dgl/ops/upfirdn2d.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

struct Operation {
  const char* name;
  Function f;
  std::vector<std::vector<int64_t>> inputs;
};

std::vector<Operation> operations() {
  const ops::Resample up{ops::fir_1331(), 2, 1, 2, 1, 4}, down{ops::fir_1331(), 1, 2, 1, 1, 1};
  const auto statistics = [](const Tensors& x) {
    return ops::NormStatistics{torch::zeros({8}, x[0].options()), torch::ones({8}, x[0].options()), 0.1, 1e-5};
  };
  return {
      {"bias_act", [](const Tensors& x) { return ops::bias_act(x[0], x[1]); }, {{4, 8, 6, 6}, {8}}},
      {"scale_noise_bias_act",
       [](const Tensors& x) { return ops::scale_noise_bias_act(x[0], x[1], x[2].detach(), x[3], x[4]); },
       {{4, 8, 6, 6}, {4, 8}, {4, 1, 6, 6}, {}, {8}}},
      {"channel_scale", [](const Tensors& x) { return ops::channel_scale(x[0], x[1]); }, {{4, 8, 6, 6}, {4, 8}}},
      {"channel_dot", [](const Tensors& x) { return ops::channel_dot(x[0], x[1]); }, {{4, 8, 6, 6}, {4, 8, 6, 6}}},
      {"pointwise", [](const Tensors& x) { return ops::pointwise(x[0], x[1]); }, {{4, 8, 6, 6}, {4, 3, 8}}},
      {"conv2d", [](const Tensors& x) { return ops::conv2d(x[0], x[1], 1, 1); }, {{4, 8, 6, 6}, {16, 8, 3, 3}}},
      {"conv2d_stride", [](const Tensors& x) { return ops::conv2d(x[0], x[1], 2, 0); }, {{4, 8, 7, 7}, {16, 8, 3, 3}}},
      {"conv2d_transpose",
       [](const Tensors& x) { return ops::conv2d_transpose(x[0], x[1], 13, 13, 2, 0); },
       {{4, 16, 6, 6}, {16, 8, 3, 3}}},
      {"conv_act",
       [](const Tensors& x) { return ops::conv_act(x[0], x[1], x[2]); },
       {{4, 8, 6, 6}, {16, 8, 3, 3}, {16}}},
      {"modulated_conv_act",
       [](const Tensors& x) { return ops::modulated_conv_act(x[0], x[1], x[2], x[3], x[4].detach(), x[5], x[6]); },
       {{4, 8, 6, 6}, {16, 8, 3, 3}, {4, 8}, {4, 16}, {4, 1, 6, 6}, {}, {16}}},
      {"upsample", [=](const Tensors& x) { return ops::upfirdn2d(x[0], up); }, {{4, 3, 6, 6}}},
      {"downsample", [=](const Tensors& x) { return ops::upfirdn2d(x[0], down); }, {{4, 8, 6, 6}}},
      {"norm_relu",
       [=](const Tensors& x) { return ops::norm_relu(x[0], {}, x[1], x[2], statistics(x)); },
       {{4, 8, 6, 6}, {4, 8}, {4, 8}}},
      {"add_upsampled", [](const Tensors& x) { return ops::add_upsampled(x[0], x[1]); }, {{4, 8, 6, 6}, {4, 8, 3, 3}}},
      {"add_pooled", [](const Tensors& x) { return ops::add_pooled(x[0], x[1]); }, {{4, 8, 6, 6}, {4, 8, 3, 3}}},
  };
}

/// f's derivatives on a device, on the CPU; an undefined one is zero.
Tensors derivatives_on(torch::Device device, const Function& f, const Tensors& inputs, const torch::Tensor& weight) {
  Tensors x;
  for (const auto& t : inputs) x.push_back(t.to(device));
  Tensors results = derivatives(f, x, weight.to(device));
  for (size_t i = 0; i < results.size(); ++i) {
    results[i] = results[i].defined() ? results[i].cpu() : torch::zeros_like(inputs[(i - 1) % inputs.size()]);
  }
  return results;
}

class OnEachDevice : public ::testing::TestWithParam<std::string> {};

// In float32 there beside the plain operations in float64 on the CPU.
TEST_P(OnEachDevice, OperationsAndTheirDerivatives) {
  torch::manual_seed(0);
  for (const Operation& op : operations()) {
    SCOPED_TRACE(op.name);
    Tensors exact, rounded;
    for (const auto& sizes : op.inputs) {
      // Scales of channels are positive: some gradients are divided by them.
      rounded.push_back(sizes.size() == 2 ? torch::rand(sizes) + 0.5 : torch::randn(sizes));
      exact.push_back(rounded.back().to(torch::kDouble));
    }
    const torch::Tensor weight = torch::randn_like(op.f(rounded));
    Tensors expected;
    {
      const ReferenceGuard reference;
      expected = derivatives_on(torch::kCPU, op.f, exact, weight.to(torch::kDouble));
    }
    const Tensors actual = derivatives_on(torch::Device(GetParam()), op.f, rounded, weight);
    ASSERT_EQ(actual.size(), expected.size());
    double largest = 0;  // what is zero there is a difference of such numbers here
    for (const auto& e : expected) largest = std::max(largest, e.abs().max().item<double>());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "result " << i;
      EXPECT_LT((actual[i].to(torch::kDouble) - expected[i]).abs().max().item<double>(), 1e-5 * largest)
          << "result " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, OnEachDevice, ::testing::ValuesIn(devices()), device_of);

}  // namespace
}  // namespace dgl::test
