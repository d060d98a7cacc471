#include "dgl/ops/bias_act.h"
#include "dgl/ops/pointwise.h"
#include "dgl/ops/upfirdn2d.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

const ops::Resample kDown{ops::fir_1331(), 1, 2, 1, 1, 1}, kBlur{ops::fir_1331(), 1, 1, 1, 1, 4};

struct BranchCase {
  const char* name;
  Function together, apart;
  std::vector<std::vector<int64_t>> inputs;
};

std::vector<BranchCase> branch_cases() {
  const auto both = [](const std::pair<torch::Tensor, torch::Tensor>& branches) {
    return at::cat({branches.first.flatten(), branches.second.flatten()});
  };
  const auto end = [](const Tensors& t, bool together) {
    const ops::Activation a{0.2, 1.5};
    const torch::Tensor noise = torch::ones({3, 1, 8, 6}, t[2].options()) * 0.3;
    return together ? ops::resample_scale_noise_bias_act(t[0], kBlur, t[1], noise, t[2], t[3], a)
                    : ops::scale_noise_bias_act(ops::upfirdn2d(t[0], kBlur), t[1], noise, t[2], t[3], a);
  };
  return {
      {"upfirdn2d",
       [=](const Tensors& t) { return both(ops::branch_upfirdn2d(t[0], kDown)); },
       [=](const Tensors& t) {
         return both({t[0], ops::upfirdn2d(t[0], kDown)});
       },
       {{3, 16, 8, 6}}},
      {"pointwise to few",
       [=](const Tensors& t) { return both(ops::branch_pointwise(t[0], t[1])); },
       [=](const Tensors& t) {
         return both({t[0], ops::pointwise(t[0], t[1])});
       },
       {{3, 32, 8, 6}, {3, 3, 32}}},
      {"pointwise to many",
       [=](const Tensors& t) { return both(ops::branch_pointwise(t[0], t[1])); },
       [=](const Tensors& t) {
         return both({t[0], ops::pointwise(t[0], t[1])});
       },
       {{3, 32, 8, 6}, {1, 16, 32}}},
      {"pointwise of odd sizes",
       [=](const Tensors& t) { return both(ops::branch_pointwise(t[0], t[1])); },
       [=](const Tensors& t) {
         return both({t[0], ops::pointwise(t[0], t[1])});
       },
       {{3, 5, 8, 6}, {1, 3, 5}}},
      {"resampling and a layer's end",
       [=](const Tensors& t) { return end(t, true); },
       [=](const Tensors& t) { return end(t, false); },
       {{3, 16, 9, 7}, {3, 16}, {}, {16}}},
  };
}

// What is computed in one sweep has the bits of several, whether or not gradients are to be differentiated again.
TEST(Branch, GivesTheBitsOfSeparateOperations) {
  torch::manual_seed(1);
  for (const BranchCase& test : branch_cases()) {
    SCOPED_TRACE(test.name);
    for (const auto type : {torch::kFloat, torch::kBFloat16, torch::kDouble}) {
      Tensors inputs;
      for (size_t i = 0; i < test.inputs.size(); ++i) {
        // Scales of channels are positive. Only maps are of half the width.
        const torch::Tensor t =
            test.inputs[i].size() == 2 ? torch::rand(test.inputs[i]) + 0.5 : torch::randn(test.inputs[i]);
        inputs.push_back(t.to(type == torch::kBFloat16 && i > 0 ? torch::kFloat : type));
        if (inputs.back().dim() == 4) inputs.back() = inputs.back().contiguous(at::MemoryFormat::ChannelsLast);
      }
      const bool pointwise_of_double = type == torch::kDouble && std::string(test.name).find("pointwise") == 0;
      if (pointwise_of_double) continue;  // weights are float32
      const torch::Tensor together = test.together(inputs), apart = test.apart(inputs);
      EXPECT_TRUE(torch::equal(together, apart)) << type;
      const torch::Tensor weight = torch::randn_like(together);
      for (const bool graph : {false, true}) {
        const Tensors actual = gradients(test.together, leaves(inputs), weight, graph),
                      expected = gradients(test.apart, leaves(inputs), weight, graph);
        for (size_t i = 0; i < actual.size(); ++i) {
          EXPECT_TRUE(torch::equal(actual[i], expected[i])) << type << ", gradient " << i << ", graph " << graph;
        }
      }
    }
  }
}

TEST(Branch, Derivatives) {
  torch::manual_seed(2);
  for (const BranchCase& test : branch_cases()) {
    SCOPED_TRACE(test.name);
    Tensors inputs;
    for (const auto& sizes : test.inputs) {
      inputs.push_back(sizes.size() == 2 ? torch::rand(sizes, torch::kDouble) + 0.5 : random(sizes));
    }
    const Function cubed = [&](const Tensors& t) { return test.together(t).pow(3); };
    if (std::string(test.name).find("pointwise") != 0) check_derivatives(cubed, inputs);
    const Function twice = [&](const Tensors& t) {
      const ops::TwiceDifferentiable guard;
      return cubed(t);
    };
    check_against_reference(twice, inputs, 5e-5);
  }
}

// A branch that nothing depends on has no gradient.
TEST(Branch, OneMayBeUnused) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({2, 16, 8, 8}).set_requires_grad(true);
  const torch::Tensor w = torch::randn({1, 3, 16}).set_requires_grad(true);
  const auto gradient = [&](const torch::Tensor& y) { return torch::autograd::grad({y.sum()}, {x})[0]; };
  EXPECT_TRUE(torch::equal(gradient(ops::branch_upfirdn2d(x, kDown).first), torch::ones_like(x)));
  EXPECT_TRUE(torch::equal(gradient(ops::branch_upfirdn2d(x, kDown).second), gradient(ops::upfirdn2d(x, kDown))));
  EXPECT_TRUE(torch::equal(gradient(ops::branch_pointwise(x, w).first), torch::ones_like(x)));
  EXPECT_TRUE(torch::equal(gradient(ops::branch_pointwise(x, w).second), gradient(ops::pointwise(x, w))));
}

}  // namespace
}  // namespace dgl::test
