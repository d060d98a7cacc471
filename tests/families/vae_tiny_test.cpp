#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/vae/objective.h"
#include "dgl/families/vae/samplers.h"
#include "dgl/families/vae/tiny_networks.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/inherit.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kTinyFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/vae";

struct TinyPair {
  std::shared_ptr<TinyEncoder> encoder;
  std::shared_ptr<TinyDecoder> decoder;
};

TinyPair imported_pair(const std::string& name) {
  const NetworkSet model = import_model({kTinyFiles / (name + "_encoder.pth"), kTinyFiles / (name + "_decoder.pth")},
                                        {.from = {}, .resolution = 32});
  return {model.network<TinyEncoder>("encoder"), model.network<TinyDecoder>("decoder")};
}

// madebyollin/taesd with fewer feature maps, of 4 and of 16 channels of latents (tests/golden/README.md).
class TinyAgreement : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyAgreement, EncodesAndDecodesAsTheReference) {
  const torch::NoGradGuard no_grad;
  const TinyPair model = imported_pair(GetParam());
  const TensorFile file = load_safetensors(kTinyFiles / (std::string(GetParam()) + ".safetensors"));
  const auto expected = [&](const char* name) { return file.at(name, "golden"); };
  for (const bool reference : {false, true}) {
    model.encoder->set_reference(reference);
    model.decoder->set_reference(reference);
    EXPECT_LT(difference(model.encoder->encode(expected("images")), expected("latents")), 1e-5);
    EXPECT_LT(difference(model.decoder->decode(expected("z")), expected("decoded")), 1e-5);
    VaeReconstruction reconstruction(model.encoder, model.decoder);
    EXPECT_LT(difference(reconstruction.sample({{}, {}, expected("images")}), expected("mode")), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Taesd, TinyAgreement, ::testing::Values("taesd", "taesd3"));

VaeSettings tiny_settings(int64_t channels, int64_t resolution) {
  VaeSettings s;
  s.resolution = resolution;
  s.channels = channels;
  s.multiples = {1, 1, 1, 1};
  s.blocks = 3;
  return s;
}

// The numbers of TAESD's own table.
TEST(TinySizes, AgreeWithTheReference) {
  const TinyShape shape = TinyShape::make(tiny_settings(64, 256), {});
  EXPECT_EQ(shape.encoder_cost().params, 1222532);
  EXPECT_EQ(shape.decoder_cost().params, 1222531);
  EXPECT_NEAR(static_cast<double>(shape.encoder_cost().macs) / 1e9, 15.291, 5e-4);
  EXPECT_NEAR(static_cast<double>(shape.decoder_cost().macs) / 1e9, 17.669, 5e-4);
  VaeSettings uneven = tiny_settings(16, 32);
  uneven.multiples = {1, 2, 3};
  for (const char* width : {"1", "1/2", "3/8"}) {
    const TinyShape narrow = TinyShape::make(uneven, Rational::parse(width, "width"));
    const auto allocated = [](const torch::nn::Module& module) {
      int64_t sum = 0;
      for (const auto& p : module.parameters()) sum += p.numel();
      return sum;
    };
    EXPECT_EQ(allocated(TinyEncoder(narrow)), narrow.encoder_cost().params) << width;
    EXPECT_EQ(allocated(TinyDecoder(narrow)), narrow.decoder_cost().params) << width;
  }
}

TEST(Tiny, FastPathsAgreeWithReference) {
  torch::manual_seed(1);
  const TinyShape shape = TinyShape::make(tiny_settings(8, 16), {});
  TinyEncoder encoder(shape);
  TinyDecoder decoder(shape);
  const Tensor images = torch::rand({3, 3, 16, 16}) * 2 - 1;
  const auto gradient = [&](bool reference) {
    encoder.set_reference(reference);
    decoder.set_reference(reference);
    const Tensor x = images.clone().set_requires_grad(true);
    return torch::autograd::grad({decoder.decode(encoder.posterior(x).mean).square().sum()}, {x})[0];
  };
  EXPECT_LT(difference(gradient(false), gradient(true)), 1e-4);
  const torch::NoGradGuard no_grad;
  const Tensor exact = decoder.decode(encoder.encode(images));
  encoder.set_activations(torch::kBFloat16);
  decoder.set_activations(torch::kBFloat16);
  const Tensor rounded = decoder.decode(encoder.encode(images));
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat);
  EXPECT_LT(difference(rounded, exact), 0.05);
  EXPECT_GT(difference(rounded, exact), 0);
}

TEST(Tiny, APointHasNoNoiseAndNoDivergence) {
  const Tensor mean = torch::randn({2, 1, 2, 2});
  const Posterior point = Posterior::point(mean);
  EXPECT_TRUE(point.sample(at::detail::createCPUGenerator(1)).equal(mean));
  EXPECT_TRUE(point.kl().equal(torch::zeros({2})));
}

// The objective of the family trains it: the divergence adds nothing, and every parameter receives a gradient.
TEST(Tiny, IsTrainedByTheObjective) {
  torch::manual_seed(1);
  const TinyShape shape = TinyShape::make(tiny_settings(8, 16), {});
  const auto encoder = std::make_shared<TinyEncoder>(shape);
  const auto decoder = std::make_shared<TinyDecoder>(shape);
  VaeFamilySettings settings;
  settings.kl_weight = 10;
  VaeObjective objective(settings, encoder, decoder, nullptr);
  StepInput input;
  const Tensor images = torch::rand({4, 3, 16, 16}) * 2 - 1;
  input.real = {{images, {}}};
  input.random = at::detail::createCPUGenerator(1);
  StepOutput output;
  const Tensor loss = objective.phases().at(0).loss(input, output);
  const Tensor error = (images - decoder->decode(encoder->encode(images))).abs().sum() / 4;
  EXPECT_LT(difference(loss.detach(), error.detach()), 1e-6);
  EXPECT_EQ(output.scores.at("kl").item<double>(), 0);
  loss.backward();
  for (const Network* network :
       {static_cast<const Network*>(encoder.get()), static_cast<const Network*>(decoder.get())}) {
    for (const auto& item : network->named_parameters()) EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
}

// Without norms a network whose dropped channels are zero computes the same without them, but for rounding.
TEST(Tiny, StartsFromATeacher) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  const VaeSettings settings = tiny_settings(8, 16);
  const TinyShape wide = TinyShape::make(settings, {}), narrow = TinyShape::make(settings, {1, 2});
  const auto encoder = std::make_shared<TinyEncoder>(wide), half = std::make_shared<TinyEncoder>(narrow);
  const auto decoder = std::make_shared<TinyDecoder>(wide), half_decoder = std::make_shared<TinyDecoder>(narrow);
  for (const Network* network :
       {static_cast<const Network*>(encoder.get()), static_cast<const Network*>(decoder.get())}) {
    const ChannelLayout layout = network->channel_layout();
    for (const auto& item : network->named_parameters()) {
      const auto& axes = layout.at(item.key());
      for (size_t axis = 0; axis < axes.size(); ++axis) {
        if (axes[axis].group.empty()) continue;
        const auto odd = torch::arange(1, item.value().size(static_cast<int64_t>(axis)), 2);
        item.value().index_fill_(static_cast<int64_t>(axis), odd, 0);
      }
    }
  }
  inherit_weights(*encoder, *half, "strided", "teacher");
  inherit_weights(*decoder, *half_decoder, "strided", "teacher");
  const Tensor images = torch::rand({2, 3, 16, 16}) * 2 - 1, z = torch::randn({2, 4, 2, 2});
  EXPECT_LT(difference(half->encode(images), encoder->encode(images)), 1e-5);
  EXPECT_LT(difference(half_decoder->decode(z), decoder->decode(z)), 1e-5);
}

TEST(Tiny, ModelsComeBackFromFiles) {
  torch::manual_seed(1);
  const TinyShape shape = TinyShape::make(tiny_settings(8, 16), {});
  NetworkSet networks;
  networks.add({.name = "encoder", .network = std::make_shared<TinyEncoder>(shape)});
  networks.add({.name = "decoder", .network = std::make_shared<TinyDecoder>(shape)});
  const TemporaryFolder folder;
  save_model(folder / "m.safetensors", networks);
  const NetworkSet loaded = load_model(folder / "m.safetensors");
  EXPECT_EQ(loaded.network("encoder")->settings()["architecture"], "tiny");
  const torch::NoGradGuard no_grad;
  const Tensor images = torch::randn({2, 3, 16, 16});
  EXPECT_TRUE(
      sampler_of(networks, "m")->sample({{}, {}, images}).equal(sampler_of(loaded, "m")->sample({{}, {}, images})));
  EXPECT_EQ(prior_sampler_of(loaded, "m")->spec().latent_shape, (std::vector<int64_t>{4, 2, 2}));
  const Tensor z = loaded.network("encoder")->apply({{"images", images}}, "x").at("z");
  EXPECT_TRUE(z.equal(family_of(loaded, "m").encode(loaded, images)));
}

TEST(Tiny, SettingsThatCannotBeBuiltAreRefused) {
  VaeSettings s = tiny_settings(8, 16);
  s.attention = {8};
  expect_error([&] { TinyShape::make(s, {}); }, {"network.attention", "tiny"});
  expect_error([&] { TinyShape::make(tiny_settings(8, 12), {}); }, {"resolution = 12", "multiple of 8"});
  expect_error([&] { TinyShape::make(tiny_settings(8, 16), {1, 9}); }, {"1/9"});
  const VaeFamily family;
  nlohmann::json json = TinyShape::make(tiny_settings(8, 16), {}).to_json();
  expect_error([&] { family.make_network("encoder", json, "m", 100); }, {"m"});
  json["architecture"] = "large";
  expect_error([&] { family.make_network("encoder", json, "m", 1 << 20); },
               {"m", "architecture", "large", "kl or tiny"});
}

}  // namespace
}  // namespace dgl::test
