#include "devices.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/family.h"
#include "dgl/nn/sampling.h"
#include "dgl/training/networks.h"
#include "training/family_recipes.h"

namespace dgl::test {
namespace {

/// All networks of a set and their averages.
std::vector<std::shared_ptr<Network>> all_of(const NetworkSet& networks) {
  std::vector<std::shared_ptr<Network>> all;
  for (const NetworkSlot& slot : networks) {
    all.push_back(slot.network);
    if (slot.average) all.push_back(slot.average);
  }
  return all;
}

class FamilyImages : public ::testing::TestWithParam<std::string> {};

// Each family's model makes the same images on each device, of the same latents, labels and input images.
TEST_P(FamilyImages, AreTheProcessors) {
  for (const auto& [name, text] : family_recipes()) {
    SCOPED_TRACE(name);
    torch::manual_seed(1);
    const Recipe recipe = parse_recipe(text, "test");
    const NetworkSet networks = make_networks(recipe, {}, torch::kCPU);
    {
      const torch::NoGradGuard no_grad;
      for (const auto& network : all_of(networks)) {
        network->eval();
        // Some layers start as zeros.
        for (torch::Tensor& parameter : network->parameters()) parameter.add_(0.05 * torch::randn_like(parameter));
      }
    }
    const std::shared_ptr<Sampler> sampler = recipe.family_info().sampler(networks);
    ASSERT_TRUE(sampler);
    DrawOptions options{.count = 5, .batch = 3};
    const SampleSpec spec = sampler->spec();
    if (spec.input) {
      options.inputs = torch::rand({5, spec.input->channels, spec.input->height, spec.input->width}) * 2 - 1;
    }
    const Condition condition = draw_condition(spec, options);
    const torch::Tensor expected = sample_images(*sampler, condition, options);
    options.device = torch::Device(GetParam());
    for (const auto& network : all_of(networks)) network->to(options.device);
    const torch::Tensor images = sample_images(*sampler, condition, options);
    EXPECT_EQ(images.sizes(), expected.sizes());
    const double largest = expected.abs().max().item<double>();
    EXPECT_GT(largest, 1e-3);
    EXPECT_LT((images - expected).abs().max().item<double>(), 1e-4 * largest);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, FamilyImages, ::testing::ValuesIn(devices()), device_of);

}  // namespace
}  // namespace dgl::test
