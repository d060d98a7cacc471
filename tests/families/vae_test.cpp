#include "dgl/families/vae/vae.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/families/vae/objective.h"
#include "dgl/families/vae/samplers.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/inherit.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kVaeFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/vae";

struct Autoencoder {
  std::shared_ptr<VaeEncoder> encoder;
  std::shared_ptr<VaeDecoder> decoder;
};

Autoencoder imported(const std::string& name) {
  const NetworkSet model = import_model({kVaeFiles / (name + ".pt")}, {.from = {}, .resolution = 16});
  return {model.network<VaeEncoder>("encoder"), model.network<VaeDecoder>("decoder")};
}

// Networks of CompVis/latent-diffusion in a checkpoint of Lightning's, and what it makes of them
// (tests/golden/README.md).
class VaeAgreement : public ::testing::TestWithParam<const char*> {
 protected:
  VaeAgreement()
      : model_(imported(GetParam())),
        expected_(load_safetensors(kVaeFiles / (std::string(GetParam()) + ".safetensors"))) {}
  Tensor expected(const std::string& name) const { return expected_.at(name, "golden"); }

  Autoencoder model_;
  TensorFile expected_;
};

TEST_P(VaeAgreement, EncodesAndDecodesAsTheReference) {
  const torch::NoGradGuard no_grad;
  const Tensor moments = model_.encoder->encode(expected("images"));
  EXPECT_LT(difference(moments, expected("moments")), 1e-5);
  const Posterior posterior(moments);
  EXPECT_LT(difference(posterior.kl(), expected("kl")), 1e-5);
  const Tensor latents = posterior.mean + at::exp(posterior.log_variance / 2) * expected("noise");
  EXPECT_LT(difference(model_.decoder->decode(latents), expected("reconstructions")), 1e-5);
  VaeReconstruction reconstruction(model_.encoder, model_.decoder);
  EXPECT_LT(difference(reconstruction.sample({{}, {}, expected("images")}), expected("mode")), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(LatentDiffusion, VaeAgreement, ::testing::Values("f2", "f4"));

// The loss without a discriminator and the gradients of every parameter.
TEST(VaeObjective, GradientsAgreeWithTheReference) {
  const Autoencoder model = imported("f2");
  const TensorFile file = load_safetensors(kVaeFiles / "f2.safetensors");
  const auto expected = [&](const std::string& name) { return file.at(name, "golden"); };
  for (const bool reference : {false, true}) {
    model.encoder->set_reference(reference);
    model.decoder->set_reference(reference);
    set_requires_grad(*model.encoder, true);
    set_requires_grad(*model.decoder, true);
    const Tensor images = expected("images");
    const Posterior posterior(model.encoder->encode(images));
    const Tensor latents = posterior.mean + at::exp(posterior.log_variance / 2) * expected("noise");
    const Tensor loss = (images - model.decoder->decode(latents)).abs().sum() / 3 + 0.01 * posterior.kl().mean();
    EXPECT_LT(difference(loss.detach(), expected("plain")), 1e-5);
    model.encoder->zero_grad();
    model.decoder->zero_grad();
    loss.backward();
    size_t compared = 0, whole = 0;
    double largest = 0;
    for (const auto& [name, tensor] : file.with_prefix("norm.")) largest = std::max(largest, tensor.item<double>());
    const auto compare = [&](const torch::nn::Module& network, const std::string& slot) {
      for (const auto& item : network.named_parameters()) {
        const bool outside = item.key().find("quant_conv") != std::string::npos;
        const std::string name = outside ? item.key() : slot + "." + item.key();
        const Tensor norm = expected("norm." + name), gradient = item.value().grad();
        // A bias in front of a norm of single channels, or of keys, has no gradient but rounding.
        const double bound = 1e-4 * (norm.item<double>() + 1e-3 * largest);
        EXPECT_LT((gradient.norm() - norm).abs().item<double>(), bound) << name;
        ++compared;
        if (!file.contains("gradient." + name)) continue;
        EXPECT_LT((gradient - expected("gradient." + name)).norm().item<double>(), bound) << name;
        ++whole;
      }
    };
    compare(*model.encoder, "encoder");
    compare(*model.decoder, "decoder");
    EXPECT_EQ(compared, model.encoder->parameters().size() + model.decoder->parameters().size());
    EXPECT_GT(whole, 100u);
  }
}

// The patch discriminator that the checkpoint keeps beside its autoencoder.
TEST(VaeDiscriminator, AgreesWithTheReference) {
  const NetworkSet model = import_model({kVaeFiles / "f2.pt"}, {.from = {}, .resolution = 16});
  const auto discriminator = model.discriminator();
  ASSERT_TRUE(discriminator);
  const TensorFile file = load_safetensors(kVaeFiles / "f2.safetensors");
  const auto expected = [&](const std::string& name) { return file.at(name, "golden"); };
  const torch::NoGradGuard no_grad;
  for (const bool reference : {false, true}) {
    discriminator->set_reference(reference);
    discriminator->eval();
    EXPECT_LT(difference(discriminator->forward(expected("images"), {}), expected("scores")), 1e-5);
  }
  discriminator->train();
  const Tensor both = at::cat({expected("images"), expected("reconstructions")});
  EXPECT_LT(difference(discriminator->forward(both, {}), expected("scores_training")), 1e-5);
  EXPECT_LT(difference(discriminator->named_buffers()["main.3.running_mean"], expected("mean_training")), 1e-5);
}

// The whole loss of latent diffusion: the error, the divergence and the discriminator's term, balanced on the last
// layer.
TEST(VaeObjective, BalancesTheDiscriminatorAsTheReference) {
  const NetworkSet model = import_model({kVaeFiles / "f2.pt"}, {.from = {}, .resolution = 16});
  const TensorFile file = load_safetensors(kVaeFiles / "f2.safetensors");
  const auto expected = [&](const std::string& name) { return file.at(name, "golden"); };
  VaeFamilySettings settings;
  settings.kl_weight = 0.01;
  settings.discriminator.weight = 0.5;
  for (const char* slot : {"encoder", "decoder"}) set_requires_grad(*model.network(slot), true);
  VaeObjective objective(settings, model.network<VaeEncoder>("encoder"), model.network<VaeDecoder>("decoder"),
                         model.discriminator());
  // The noise is the objective's own: the loss is compared without it, where its deviation is none.
  StepInput input;
  input.real = {{expected("images"), {}}};
  input.random = at::detail::createCPUGenerator(1);
  const Tensor noise = at::randn({3, 2, 8, 8}, at::detail::createCPUGenerator(1));
  StepOutput output;
  const auto phases = objective.phases();
  ASSERT_EQ(phases[1].name, "g_main");
  phases[1].loss(input, output);
  const Tensor moments = model.network<VaeEncoder>("encoder")->encode(expected("images"));
  const Posterior posterior(moments);
  const auto decoder = model.network<VaeDecoder>("decoder");
  const Tensor images = expected("images"),
               made = decoder->decode(posterior.mean + at::exp(posterior.log_variance / 2) * noise);
  const Tensor error = (images - made).abs().sum() / 3, judged = -model.discriminator()->forward(made, {}).mean();
  const auto norm = [&](const Tensor& of) {
    return torch::autograd::grad({of}, {decoder->last_weight()}, {}, true)[0].norm();
  };
  const Tensor weight = 0.5 * norm(error) / (norm(judged) + 1e-4);
  EXPECT_LT(difference(output.losses.at("g_main"), (error + 0.01 * posterior.kl().mean() + weight * judged).detach()),
            1e-5);
  EXPECT_LT(difference(output.scores.at("adversarial_weight"), weight.detach()), 1e-4);
  // The reference's, on its own noise.
  const Tensor latents = posterior.mean + at::exp(posterior.log_variance / 2) * expected("noise");
  const Tensor theirs = decoder->decode(latents), their_error = (images - theirs).abs().sum() / 3,
               their_judged = -model.discriminator()->forward(theirs, {}).mean();
  const Tensor their_weight = 0.5 * norm(their_error) / (norm(their_judged) + 1e-4);
  EXPECT_LT(difference(their_weight.detach(), expected("d_weight")), 1e-4);
  EXPECT_LT(
      difference((their_error + 0.01 * posterior.kl().mean() + their_weight * their_judged).detach(), expected("loss")),
      1e-5);
}

struct SizeRow {
  int64_t channels;
  std::vector<int64_t> multiples;
  int64_t z, encoder, decoder;  // parameters
  double macs;                  // of both, in G
};

// Sizes of published autoencoders, to the digit: kl-f8 of Stable Diffusion and its halves, kl-f4, f16 and f32.
TEST(VaeSizes, AgreeWithTheReference) {
  const auto shape = [](const SizeRow& row, Rational width, std::vector<int64_t> attention = {}) {
    VaeSettings s;
    s.channels = row.channels;
    s.multiples = row.multiples;
    s.z_channels = row.z;
    s.attention = std::move(attention);
    return KlShape::make(s, width);
  };
  const SizeRow f8{128, {1, 2, 4, 4}, 4, 34163592 + 72, 49490179 + 20, 447.455};
  const KlShape whole = shape(f8, {});
  EXPECT_EQ(whole.encoder_cost().params, f8.encoder);
  EXPECT_EQ(whole.decoder_cost().params, f8.decoder);
  EXPECT_NEAR(static_cast<double>(whole.encoder_cost().macs + whole.decoder_cost().macs) / 1e9, f8.macs, 1e-3);
  EXPECT_EQ(shape(f8, {1, 2}).encoder_cost().params, 8558024 + 72);
  EXPECT_EQ(shape(f8, {1, 2}).decoder_cost().params, 12387459 + 20);
  EXPECT_EQ(shape(f8, {1, 4}).encoder_cost().params, 2148072 + 72);
  const KlShape f4 = shape({128, {1, 2, 4}, 3, 0, 0, 0}, {});
  EXPECT_EQ(f4.encoder_cost().params + f4.decoder_cost().params, 55312063);
  const KlShape f16 = shape({128, {1, 1, 2, 2, 4}, 16, 0, 0, 0}, {}, {16});
  EXPECT_EQ(f16.encoder_cost().params + f16.decoder_cost().params, 69610963);
  const KlShape f32 = shape({128, {1, 1, 2, 2, 4, 4}, 64, 0, 0, 0}, {}, {16, 8});
  EXPECT_EQ(f32.encoder_cost().params + f32.decoder_cost().params, 103880131);
}

VaeSettings small() {
  VaeSettings s;
  s.resolution = 16;
  s.img_channels = 1;
  s.channels = 16;
  s.multiples = {1, 2};
  s.blocks = 1;
  s.attention = {8};
  s.z_channels = 2;
  return s;
}

int64_t parameters_of(const torch::nn::Module& module) {
  int64_t sum = 0;
  for (const auto& p : module.parameters()) sum += p.numel();
  return sum;
}

TEST(Vae, CountedParametersAreTheAllocatedOnes) {
  for (const char* width : {"1", "1/2", "3/8"}) {
    const KlShape shape = KlShape::make(small(), Rational::parse(width, "width"));
    EXPECT_EQ(parameters_of(KlEncoder(shape)), shape.encoder_cost().params) << width;
    EXPECT_EQ(parameters_of(KlDecoder(shape)), shape.decoder_cost().params) << width;
  }
}

TEST(Vae, FastPathsAgreeWithReference) {
  torch::manual_seed(1);
  const KlShape shape = KlShape::make(small(), {});
  KlEncoder encoder(shape);
  KlDecoder decoder(shape);
  const Tensor images = torch::rand({3, 1, 16, 16}) * 2 - 1;
  const auto gradient = [&](bool reference) {
    encoder.set_reference(reference);
    decoder.set_reference(reference);
    const Tensor x = images.clone().set_requires_grad(true);
    return torch::autograd::grad({decoder.decode(Posterior(encoder.encode(x)).mean).square().sum()}, {x})[0];
  };
  EXPECT_LT(difference(gradient(false), gradient(true)), 1e-4);
  const torch::NoGradGuard no_grad;
  const Tensor exact = decoder.decode(Posterior(encoder.encode(images)).mean);
  encoder.set_activations(torch::kBFloat16);
  decoder.set_activations(torch::kBFloat16);
  const Tensor rounded = decoder.decode(Posterior(encoder.encode(images)).mean);
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat);
  EXPECT_LT(difference(rounded, exact), 0.05);
}

TEST(Vae, PosteriorIsThatOfItsMoments) {
  const Tensor moments = at::cat({torch::full({2, 1, 2, 2}, 3.0), torch::full({2, 1, 2, 2}, 100.0)}, 1);
  const Posterior posterior(moments);
  EXPECT_EQ(posterior.log_variance.max().item<double>(), 20);
  const Posterior standard(torch::zeros({2, 2, 2, 2}));
  EXPECT_EQ(standard.kl().abs().max().item<double>(), 0);
  const Tensor drawn = Posterior(at::cat({torch::full({1, 1, 100, 100}, 3.0), torch::full({1, 1, 100, 100}, -2.0)}, 1))
                           .sample(at::detail::createCPUGenerator(1));
  EXPECT_NEAR(drawn.mean().item<double>(), 3, 0.02);
  EXPECT_NEAR(drawn.std().item<double>(), std::exp(-1.0), 0.02);
}

// An autoencoder whose dropped channels are zero computes the same without them, but for the groups of its norms: so
// only the start at the full width is equal to the bit.
TEST(Vae, StartsFromATeacher) {
  torch::manual_seed(1);
  const KlShape wide = KlShape::make(small(), {}), narrow = KlShape::make(small(), {1, 2});
  const torch::NoGradGuard no_grad;
  const auto encoder = std::make_shared<KlEncoder>(wide), equal = std::make_shared<KlEncoder>(wide),
             half = std::make_shared<KlEncoder>(narrow);
  const auto decoder = std::make_shared<KlDecoder>(wide), half_decoder = std::make_shared<KlDecoder>(narrow);
  for (const char* rule : {"strided", "norm"}) {
    inherit_weights(*encoder, *equal, rule, "teacher");
    const Tensor images = torch::randn({2, 1, 16, 16});
    EXPECT_TRUE(encoder->encode(images).equal(equal->encode(images)));
    inherit_weights(*encoder, *half, rule, "teacher");
    inherit_weights(*decoder, *half_decoder, rule, "teacher");
    EXPECT_TRUE(half->encode(images).isfinite().all().item<bool>());
  }
  inherit_weights(*encoder, *half, "strided", "teacher");
  const auto of = [](const torch::nn::Module& network, const std::string& name) {
    return network.named_parameters()[name];
  };
  const std::string name = "down.1.block.0.nin_shortcut.weight";
  const auto every_second = [](const Tensor& t, int64_t axis) {
    return t.index_select(axis, torch::arange(0, t.size(axis), 2));
  };
  EXPECT_TRUE(of(*half, name).equal(every_second(every_second(of(*encoder, name), 0), 1)));
}

TEST(Vae, ModelsComeBackFromFiles) {
  torch::manual_seed(1);
  const KlShape shape = KlShape::make(small(), {});
  NetworkSet networks;
  networks.add({.name = "encoder", .network = std::make_shared<KlEncoder>(shape)});
  networks.add({.name = "decoder", .network = std::make_shared<KlDecoder>(shape)});
  const TemporaryFolder folder;
  save_model(folder / "m.safetensors", networks);
  const NetworkSet loaded = load_model(folder / "m.safetensors");
  EXPECT_EQ(family_of(loaded, "m").name(), "vae");
  const torch::NoGradGuard no_grad;
  const Tensor images = torch::randn({2, 1, 16, 16}), z = torch::randn({2, 2, 8, 8});
  const auto before = family_of(networks, "m").sampler(networks), after = sampler_of(loaded, "m");
  EXPECT_TRUE(before->sample({{}, {}, images}).equal(after->sample({{}, {}, images})));
  const auto prior = prior_sampler_of(loaded, "m");
  EXPECT_EQ(prior->spec().latent_shape, (std::vector<int64_t>{2, 8, 8}));
  EXPECT_EQ(prior->sample({z, {}, {}}).sizes(), (std::vector<int64_t>{2, 1, 16, 16}));
}

TEST(Vae, SettingsThatCannotBeBuiltAreRefused) {
  const auto refused = [](const std::function<void(VaeSettings&)>& change, const std::vector<std::string>& words,
                          Rational width = {}) {
    VaeSettings s = small();
    change(s);
    expect_error([&] { KlShape::make(s, width); }, words);
  };
  refused([](VaeSettings& s) { s.multiples = {1, 1, 1, 1, 1, 1}; }, {"resolution = 16", "multiple of 32"});
  refused([](VaeSettings& s) { s.attention = {7}; }, {"network.attention = 7"});
  refused([](VaeSettings&) {}, {"1/17"}, {1, 17});
  VaeFamilySettings settings;
  settings.multiples = "1,two";
  expect_error([&] { VaeFamily().check(settings, "r.toml"); }, {"r.toml", "network.multiples", "1,two"});
  settings.multiples = "";
  expect_error([&] { VaeFamily().check(settings, "r.toml"); }, {"r.toml", "network.multiples"});
}

}  // namespace
}  // namespace dgl::test
