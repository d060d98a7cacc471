#include <gtest/gtest.h>

#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/families/family.h"
#include "dgl/guidance/guidance.h"
#include "dgl/training/bench.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"
#include "ops/emulated_gpu.h"
#include "training/family_recipes.h"

namespace dgl::test {
namespace {

/// Operations for whose result a processor would have to wait for a GPU.
std::set<std::string> waits;

std::unique_ptr<at::ObserverContext> note_waits(const at::RecordFunction& function) {
  const std::string name = function.name();
  for (const char* waiting :
       {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::unique_dim"}) {
    if (name == waiting) waits.insert(name);
  }
  return nullptr;
}

struct EmulatedStep {
  const char* family;
  bool guided = false;  ///< by a teacher's discriminator, to its scores and its features of pairs
};

class EmulatedGpuStep : public ::testing::TestWithParam<EmulatedStep> {
 protected:
  /// Runs each phase of a step, and returns losses and the norms of gradients by "phase.name".
  static std::map<std::string, double> run() {
    torch::manual_seed(1);
    const Recipe recipe = parse_recipe(family_recipes().at(GetParam().family), "test");
    const NetworkSet networks = make_networks(recipe, {}, torch::kCPU);
    const auto& settings = *recipe.network;
    const auto objective = recipe.family_info().objective(settings, networks);
    StepInput input = random_step_input(recipe, torch::kCPU);
    const NetworkSet teacher = make_networks(recipe, {}, torch::kCPU);
    Guidance guidance;
    if (GetParam().guided) {
      guidance.add({.name = "teacher",
                    .discriminator = teacher.discriminator(),
                    .loss = make_adversarial_loss("hinge", "loss"),
                    .lambda = constant_schedule(0.1)},
                   {settings.image(), settings.labels()});
      input.guidance = &guidance;
      input.guidance_scale = 1;
    }
    Workers workers(1);
    std::map<std::string, double> results;
    for (const Phase& phase : objective->phases()) {
      if (phase.guidance || phase.distillation) continue;
      StepOutput output;
      std::set<std::string> seen;
      {
        const auto callback =
            at::addThreadLocalCallback(at::RecordFunctionCallback(note_waits).scopes({at::RecordScope::FUNCTION}));
        waits.clear();
        output = run_phase(*objective, networks, phase, input, workers, 7);
        seen = waits;
        at::removeCallback(callback);
      }
      for (const auto& [name, value] : output.losses) results[phase.name + "." + name] = value.item<double>();
      for (const std::string& slot : phase.trains) {
        for (const auto& item : networks.network(slot)->named_parameters()) {
          const torch::Tensor& g = item.value().grad();
          if (g.defined()) results[phase.name + "." + slot + "." + item.key()] = g.norm().item<double>();
        }
      }
      if (ops::gpu::emulated()) {
        EXPECT_EQ(seen, std::set<std::string>()) << phase.name;
      }
    }
    return results;
  }
};

// A step of training by the GPU's kernels gives the losses and gradients of the processor's, and none of its phases
// waits for a result. (Whether styles are mixed is drawn on the processor: StepInput::host_number().)
TEST_P(EmulatedGpuStep, AgreesAndDoesNotWait) {
  DGL_SKIP_FIBERS();
  const auto expected = run();
  EmulatedGpu gpu;
  const ops::gpu::EmulationScope scope(gpu);
  const auto actual = run();
  EXPECT_GT(gpu.seen().size(), 2U);
  ASSERT_EQ(actual.size(), expected.size());
  std::map<std::string, double> largest;  // gradient of each phase: a hinge loss may have none
  for (const auto& [name, value] : expected) {
    double& of_phase = largest[name.substr(0, name.find('.'))];
    if (name.find(".weight") != std::string::npos) of_phase = std::max(of_phase, value);
    EXPECT_NEAR(actual.at(name), value, 2e-4 * std::abs(value) + 2e-6) << name;  // some are zero but for rounding
  }
  for (const auto& [phase, gradient] : largest) EXPECT_GT(gradient, 1e-4) << phase;
}

INSTANTIATE_TEST_SUITE_P(Families, EmulatedGpuStep,
                         ::testing::Values(EmulatedStep{"stylegan2"}, EmulatedStep{"biggan"},
                                           EmulatedStep{"biggan", /*guided=*/true}, EmulatedStep{"vae"},
                                           EmulatedStep{"diffusion"}, EmulatedStep{"cyclegan"}),
                         [](const auto& info) {
                           return (info.param.guided ? "guided_" : "") + std::string(info.param.family);
                         });

}  // namespace
}  // namespace dgl::test
