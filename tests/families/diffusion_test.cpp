#include "dgl/families/diffusion/diffusion.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/onnx.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/inherit.h"
#include "dgl/nn/onnx_graph.h"
#include "families/denoisers.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

struct DenoiserRow {
  Rational width;
  int64_t params;
  double macs;  // in G
};

// Published sizes, to the digit: DDPM on CIFAR-10 and narrower ones, CelebA and LSUN.
TEST(DiffusionSizes, AgreeWithTheReference) {
  DenoiserSettings s;
  s.resolution = 32;
  s.multiples = {1, 2, 2, 2};
  s.attention = {16};
  const auto expect_size = [&](const DenoiserRow& row) {
    const Cost cost = DdpmShape::make(s, row.width).cost();
    EXPECT_EQ(cost.params, row.params) << row.width.text();
    EXPECT_NEAR(static_cast<double>(cost.macs) / 1e9, row.macs, 1e-4) << row.width.text();
  };
  for (const DenoiserRow& row : std::vector<DenoiserRow>{{{}, 35746307, 6.2219},
                                                         {{3, 4}, 20118915, 3.5326},
                                                         {{1, 2}, 8952067, 1.5992},
                                                         {{3, 8}, 5041347, 0.9160},
                                                         {{1, 4}, 2245763, 0.4217}}) {
    expect_size(row);
  }
  s.resolution = 64;
  s.multiples = {1, 2, 2, 2, 4};
  expect_size({{}, 78700803, 24.0507});
  s.resolution = 256;
  s.multiples = {1, 1, 2, 2, 4, 4};
  expect_size({{}, 113673219, 248.5138});
  // The digits' networks.
  s.resolution = 32;
  s.img_channels = 1;
  s.channels = 32;
  s.multiples = {1, 2, 2};
  s.blocks = 1;
  s.attention = {8};
  expect_size({{}, 1112801, 0.2487});
  expect_size({{1, 2}, 280177, 0.0628});
  expect_size({{1, 4}, 71033, 0.0160});
}

TEST(Diffusion, CountedParametersAreTheAllocatedOnes) {
  for (const char* width : {"1", "1/2", "3/8"}) {
    for (const int64_t classes : {0, 3}) {
      const auto network = made_denoiser(Rational::parse(width, "width"), classes);
      int64_t sum = 0;
      for (const auto& p : network->parameters()) sum += p.numel();
      EXPECT_EQ(sum, network->cost().params) << width;
    }
  }
}

TEST(Diffusion, FastPathsAgreeWithReference) {
  const auto network = made_denoiser({}, 3);
  const Tensor images = torch::randn({3, 1, 8, 8}), sigma = torch::tensor({0.1f, 1.0f, 10.0f});
  const Tensor labels = torch::tensor({2, 0, 1});
  const auto gradient = [&](bool reference) {
    network->set_reference(reference);
    const Tensor x = images.clone().set_requires_grad(true);
    return torch::autograd::grad({network->denoise(x, sigma, labels).images.square().sum()}, {x})[0];
  };
  EXPECT_LT(difference(gradient(false), gradient(true)), 1e-4);
  const torch::NoGradGuard no_grad;
  const Tensor exact = network->denoise(images, sigma, labels).images;
  EXPECT_FALSE(network->denoise(images, sigma, torch::zeros({3}, torch::kLong)).images.equal(exact));
  network->set_activations(torch::kBFloat16);
  const Tensor rounded = network->denoise(images, sigma, labels).images;
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat);
  EXPECT_LT(difference(rounded, exact), 0.05);
}

TEST(Diffusion, DropoutActsOnlyWithARandomGenerator) {
  const torch::NoGradGuard no_grad;
  const auto network = made_denoiser();
  const Tensor x = torch::randn({2, 1, 8, 8}), times = torch::tensor({1.0f, 5.0f});
  const auto made = [&](const Dropout& dropout) { return network->forward(x, times, {}, dropout); };
  const Tensor plain = made({});
  EXPECT_TRUE(made({.p = 0.5}).equal(plain));
  EXPECT_TRUE(made({.p = 0, .random = at::detail::createCPUGenerator(1)}).equal(plain));
  const Tensor dropped = made({.p = 0.5, .random = at::detail::createCPUGenerator(1)});
  EXPECT_FALSE(dropped.equal(plain));
  EXPECT_TRUE(made({.p = 0.5, .random = at::detail::createCPUGenerator(1)}).equal(dropped));
  const Tensor ones = torch::ones({100, 100});
  const Tensor kept = Dropout{.p = 0.25, .random = at::detail::createCPUGenerator(1)}(ones);
  EXPECT_NEAR(kept.mean().item<double>(), 1, 0.02);
  EXPECT_NEAR((kept == 0).to(torch::kFloat).mean().item<double>(), 0.25, 0.02);
}

// EDM's factors keep inputs and targets at a deviation of 1; eps leaves what it sees at that of DDPM's images.
TEST(Diffusion, ScalingIsThatOfItsPapers) {
  const Tensor sigma = torch::tensor({0.01f, 0.5f, 80.0f});
  const Scaling edm = scaling_of(Precondition::edm, sigma, 250);
  EXPECT_TRUE((edm.in.square() * (sigma.square() + 0.25)).allclose(torch::ones({3})));
  EXPECT_NEAR(edm.skip[1].item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(edm.out[1].item<double>(), 0.25 / std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(edm.noise[2].item<double>(), 250 * std::log(80.0), 1e-2);
  const auto& levels = ddpm_noise_levels();
  EXPECT_EQ(levels.size(), 1000u);
  EXPECT_NEAR(levels.front(), 0.01000, 1e-5);
  EXPECT_NEAR(levels.back(), 157.4, 0.05);
  const auto middle = static_cast<float>((levels[500] + levels[501]) / 2);
  const Tensor asked =
      torch::tensor({0.0001f, static_cast<float>(levels[417]), middle * 0.9999f, middle * 1.0001f, 1e6f});
  EXPECT_TRUE(
      scaling_of(Precondition::eps, asked, 250).noise.equal(torch::tensor({0.0f, 417.0f, 500.0f, 501.0f, 999.0f})));
}

TEST(Diffusion, NoiseLevelsAreThoseOfTheFormulas) {
  const auto expect_levels = [](const Solver& solver, Precondition precondition, const std::vector<double>& expected) {
    const auto levels = noise_levels(solver, precondition);
    ASSERT_EQ(levels.size(), expected.size());
    for (size_t i = 0; i < levels.size(); ++i) EXPECT_NEAR(levels[i] / expected[i], 1, 2e-3) << solver.name << i;
  };
  expect_levels({"renoise", 4, "karras"}, Precondition::edm, {80, 17.53, 2.515, 0.1698});
  expect_levels({"renoise", 2, "karras"}, Precondition::edm, {80, 2.515});
  expect_levels({"renoise", 1, "karras"}, Precondition::edm, {80});
  expect_levels({"heun", 1, "karras"}, Precondition::edm, {80});
  expect_levels({"euler", 3, "karras"}, Precondition::edm, {80, 2.515, 0.002});
  expect_levels({"euler", 2, "karras"}, Precondition::eps, {157.4, 0.01});
  const auto& table = ddpm_noise_levels();
  expect_levels({"euler", 4, "uniform"}, Precondition::eps, {table[750], table[500], table[250], table[0]});
  // 800 i^2 / 100 is whole, and numpy's linspace cuts some of these to the number below.
  const auto quad = noise_levels({"euler", 11, "quad"}, Precondition::eps);
  EXPECT_EQ(quad.front(), table[800]);
}

TEST(Diffusion, SamplersMakeWhatTheirFormulasSay) {
  const torch::NoGradGuard no_grad;
  const auto network = made_denoiser();
  DiffusionSampler sampler(network);
  EXPECT_EQ(sampler.spec().latent_shape, (std::vector<int64_t>{1, 8, 8}));
  const Tensor z = torch::randn({2, 1, 8, 8});
  const auto denoised = [&](const Tensor& x, double sigma) {
    return network->denoise(x, torch::full({2}, sigma), {}).images;
  };
  const auto made = [&](const char* name, int64_t steps, const SampleOptions& options = {}) {
    sampler.choose_solver({name, steps}, "m");
    return sampler.sample({z, {}, {}}, options);
  };
  // One step of each is one call.
  const Tensor one = denoised(80 * z, 80);
  for (const char* name : {"heun", "euler", "renoise"}) EXPECT_LT(difference(made(name, 1), one), 1e-6) << name;
  const double second = noise_levels({"renoise", 2, "karras"}, Precondition::edm)[1];
  const auto random = [] { return at::detail::createCPUGenerator(3); };
  const Tensor noise = at::randn({2, 1, 8, 8}, random());
  EXPECT_LT(difference(made("renoise", 2, {.psi = 1, .noise = random()}), denoised(one + second * noise, second)),
            1e-6);
  // Without a random generator images are a function of each latent by itself, and noise is normal.
  const Tensor both = made("renoise", 2);
  EXPECT_TRUE(both.equal(made("renoise", 2)));
  EXPECT_LT(difference(sampler.sample({z.slice(0, 1, 2), {}, {}}), both.slice(0, 1, 2)), 1e-5);
  EXPECT_GT(difference(both, made("renoise", 2, {.psi = 1, .noise = random()})), 1e-3);
  const Tensor slope = (80 * z - one) / 80, last = denoised(80 * z + (0.002 - 80) * slope, 0.002);
  EXPECT_LT(difference(made("euler", 2), last), 1e-5);
}

// Gradients go through the last call alone, so that its memory is that of one.
TEST(Diffusion, RenoiseIsDifferentiatedThroughItsLastCall) {
  const auto network = made_denoiser();
  set_requires_grad(*network, true);
  const auto levels = noise_levels({"renoise", 3, "karras"}, Precondition::edm);
  const Tensor z = torch::randn({2, 1, 8, 8}), noise = torch::randn({2, 1, 8, 8});
  const auto images = renoise(*network, levels, z, {}, [&](int64_t) { return noise; });
  Tensor x;
  {
    const torch::NoGradGuard no_grad;
    x = network->denoise(levels[0] * z, torch::full({2}, levels[0]), {}).images + levels[1] * noise;
    x = network->denoise(x, torch::full({2}, levels[1]), {}).images + levels[2] * noise;
  }
  const Tensor last = network->denoise(x, torch::full({2}, levels[2]), {}).images;
  EXPECT_LT(difference(images.detach(), last.detach()), 1e-6);
  const auto parameters = network->parameters();
  const auto own = torch::autograd::grad({images.square().sum()}, parameters),
             expected = torch::autograd::grad({last.square().sum()}, parameters);
  for (size_t i = 0; i < own.size(); ++i) EXPECT_TRUE(own[i].allclose(expected[i], 1e-4, 1e-4)) << i;
}

TEST(Diffusion, StartsFromATeacher) {
  const torch::NoGradGuard no_grad;
  const auto wide = made_denoiser({}, 3), narrow = made_denoiser({1, 2}, 3);
  torch::manual_seed(2);
  const auto equal = std::make_shared<DdpmDenoiser>(wide->shape());
  const Tensor x = torch::randn({2, 1, 8, 8}), times = torch::tensor({1.0f, 500.0f}), labels = torch::tensor({2, 0});
  for (const char* rule : {"strided", "norm"}) {
    inherit_weights(*wide, *equal, rule, "teacher");
    EXPECT_TRUE(wide->forward(x, times, labels).equal(equal->forward(x, times, labels))) << rule;
    inherit_weights(*wide, *narrow, rule, "teacher");
    EXPECT_TRUE(narrow->forward(x, times, labels).isfinite().all().item<bool>()) << rule;
    // Of what is concatenated, each part keeps the channels of its own group: that of h, then that of the skip.
    const auto kept = kept_channels(*wide, *narrow, rule, "teacher");
    const Tensor channels = at::cat({kept.at("up.1.upsample"), kept.at("conv_in") + 32});
    const auto of = [](const torch::nn::Module& network, const std::string& name) {
      return network.named_parameters()[name];
    };
    EXPECT_TRUE(of(*narrow, "up.0.block.0.norm1.weight")
                    .equal(of(*wide, "up.0.block.0.norm1.weight").index_select(0, channels)))
        << rule;
    const Tensor wide_weight = of(*wide, "up.0.block.0.nin_shortcut.weight");
    EXPECT_TRUE(of(*narrow, "up.0.block.0.nin_shortcut.weight")
                    .equal(wide_weight.index_select(0, kept.at("up.0.block.0")).index_select(1, channels)))
        << rule;
    // Sines and cosines of the same frequencies stay, evenly spaced by either rule.
    EXPECT_TRUE(kept.at("frequencies").equal(torch::tensor({0, 2, 4, 6}))) << rule;
    const Tensor waves = torch::tensor({0, 2, 4, 6, 8, 10, 12, 14});
    EXPECT_TRUE(
        of(*narrow, "temb.dense.0.weight")
            .equal(of(*wide, "temb.dense.0.weight").index_select(0, kept.at("temb.dense.0")).index_select(1, waves)))
        << rule;
  }
}

// A wide network whose dropped channels carry nothing computes what the narrow one does, if norms have as many
// channels in a group: producers and consumers of every group agree, those of concatenated inputs too.
TEST(Diffusion, DroppedChannelsThatCarryNothingAreNotMissed) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  DenoiserSettings s = small_denoiser();
  s.groups = {.most = 4096, .channels = 1};  // every channel by itself
  const auto wide = std::make_shared<DdpmDenoiser>(DdpmShape::make(s, {})),
             narrow = std::make_shared<DdpmDenoiser>(DdpmShape::make(s, {1, 2}));
  inherit_weights(*wide, *narrow, "strided", "teacher");
  const ChannelLayout layout = narrow->channel_layout();
  const auto kept = kept_channels(*wide, *narrow, "strided", "teacher");
  // Nothing is taken from dropped channels: zero in every weight that takes them for input.
  for (auto& item : wide->named_parameters()) {
    const auto axes = layout.find(item.key());
    if (axes == layout.end()) continue;
    for (size_t dim = 0; dim < axes->second.size(); ++dim) {
      const ChannelAxis& axis = axes->second[dim];
      if (!axis.input) continue;
      std::vector<std::string> groups{axis.group};
      groups.insert(groups.end(), axis.behind.begin(), axis.behind.end());
      std::vector<Tensor> masks;
      int64_t rest = item.value().size(static_cast<int64_t>(dim));
      for (const std::string& group : groups) {
        const int64_t channels = 2 * kept.at(group).numel();
        masks.push_back(torch::zeros({channels}).index_fill_(0, kept.at(group), 1));
        rest -= channels;
      }
      ASSERT_EQ(rest, 0) << item.key();
      std::vector<int64_t> sizes(axes->second.size(), 1);
      sizes[dim] = -1;
      item.value().mul_(at::cat(masks).view(sizes));
    }
  }
  const Tensor x = torch::randn({2, 1, 8, 8});
  // At time 0 all sines are 0 and all cosines 1, whatever the frequencies; the narrow network adds half as many of
  // them.
  const Tensor times = torch::zeros({2});
  wide->named_parameters()["temb.dense.0.weight"].slice(1, 9, 16, 2).zero_();
  // Attention divides by the square root of its channels, and takes the products of dropped ones.
  for (auto& item : wide->named_parameters()) {
    const size_t at = item.key().find(".q.");
    if (at == std::string::npos) continue;
    const Tensor queries = kept.at(item.key().substr(0, at) + ".query");
    const Tensor mask = torch::zeros({2 * queries.numel()}).index_fill_(0, queries, std::sqrt(2.0));
    item.value().mul_(item.value().dim() == 1 ? mask : mask.view({-1, 1, 1, 1}));
  }
  EXPECT_LT(difference(narrow->forward(x, times, {}), wide->forward(x, times, {})), 1e-5);
}

TEST(Diffusion, ModelsComeBackFromFiles) {
  NetworkSet networks;
  networks.add({.name = "denoiser", .network = made_denoiser({}, 3)});
  const TemporaryFolder folder;
  save_model(folder / "m.safetensors", networks);
  const NetworkSet loaded = load_model(folder / "m.safetensors");
  const torch::NoGradGuard no_grad;
  const Condition condition{torch::randn({2, 1, 8, 8}), torch::tensor({2, 0}), {}};
  const auto before = family_of(networks, "m").sampler(networks), after = sampler_of(loaded, "m");
  EXPECT_EQ(after->spec().classes, 3);
  EXPECT_TRUE(before->sample(condition).equal(after->sample(condition)));
  after->choose_solver({"heun", 3}, "m");
  EXPECT_FALSE(before->sample(condition).equal(after->sample(condition)));
}

TEST(Diffusion, AppliesItsNetworkToTensors) {
  const torch::NoGradGuard no_grad;
  const auto network = made_denoiser({}, 3);
  const Tensor x = torch::randn({2, 1, 8, 8}), sigma = torch::tensor({0.5f, 3.0f}), labels = torch::tensor({1, 2});
  EXPECT_TRUE(network->apply({{"x", x}, {"sigma", sigma}, {"labels", labels}}, "f")
                  .at("denoised")
                  .equal(network->denoise(x, sigma, labels).images));
  const Tensor output =
      network->apply({{"images", x}, {"t", torch::tensor({3, 70})}, {"labels", labels}}, "f").at("output");
  EXPECT_TRUE(output.equal(network->forward(x, torch::tensor({3.0f, 70.0f}), labels)));
  EXPECT_TRUE(network->apply({{"images", x}, {"sigma", sigma}, {"labels", labels}}, "f")
                  .at("output")
                  .equal(network->forward(x, 250 * sigma.log(), labels)));
  expect_error([&] { network->apply({{"x", x}, {"labels", labels}}, "f"); }, {"f", "no tensor sigma"});
  expect_error(
      [&] {
        network->apply({{"x", x}, {"sigma", -sigma}, {"labels", labels}}, "f");
      },
      {"f", "sigma", "above 0"});
  expect_error([&] { network->apply({{"x", x}, {"sigma", sigma * NAN}, {"labels", labels}}, "f"); }, {"f", "sigma"});
  expect_error(
      [&] {
        network->apply({{"x", x.slice(2, 0, 4)}, {"sigma", sigma}, {"labels", labels}}, "f");
      },
      {"f", "tensor x", "any, 1, 8, 8"});
  expect_error(
      [&] {
        network->apply({{"x", x}, {"sigma", sigma}, {"labels", labels + 1}}, "f");
      },
      {"f", "labels", "0 to 2"});
}

TEST(Diffusion, OnnxFilesHoldEachWeightOnce) {
  const torch::NoGradGuard no_grad;
  DiffusionSampler sampler(made_denoiser());
  const auto bytes = [&](const char* name, int64_t steps) {
    sampler.choose_solver({name, steps}, "m");
    return onnx_graph(sampler, 1, {}).bytes().size();
  };
  const size_t one = bytes("renoise", 1), weights = static_cast<size_t>(sampler.network().cost().params) * 4;
  EXPECT_GT(one, weights);
  EXPECT_LT(bytes("renoise", 4), 2 * one);
  EXPECT_LT(bytes("heun", 4), 2 * one);
  expect_error([&] { bytes("euler", 9); }, {"9 steps", "at most 8", "--network denoiser"});
  expect_error([&] { sampler.to_onnx(*std::make_unique<OnnxGraph>(), {"z", "", ""}, 0.5); }, {"--psi 0.5"});
}

TEST(Diffusion, SettingsThatCannotBeBuiltAreRefused) {
  const auto refused = [](const std::function<void(DenoiserSettings&)>& change, const std::vector<std::string>& words,
                          Rational width = {}) {
    DenoiserSettings s = small_denoiser();
    change(s);
    expect_error([&] { DdpmShape::make(s, width); }, words);
  };
  refused([](DenoiserSettings& s) { s.multiples = {1, 1, 1, 1, 1}; }, {"resolution = 8", "multiple of 16"});
  refused([](DenoiserSettings& s) { s.attention = {5}; }, {"network.attention = 5"});
  refused([](DenoiserSettings&) {}, {"1/17"}, {1, 17});
  refused([](DenoiserSettings&) {}, {"2 feature maps", "even number of 4 or more"}, {1, 8});
  refused([](DenoiserSettings& s) { s.channels = 15; }, {"15 feature maps", "even"});
  DiffusionFamilySettings settings;
  const auto checked = [&](const std::vector<std::string>& words) {
    expect_error([&] { DiffusionFamily().check(settings, "r.toml"); }, words);
  };
  settings.multiples = "";
  checked({"r.toml", "network.multiples"});
  settings = {};
  settings.solver.grid = "quad";
  checked({"r.toml", "grid = \"quad\"", "eps"});
  DiffusionSampler sampler(made_denoiser());
  expect_error([&] { sampler.choose_solver({"renoise", 0}, "m"); }, {"m", "steps = 0", "1 to 1000"});
  expect_error(
      [&] {
        sampler.choose_solver({"dpm", {}}, "m");
      },
      {"m", "sampler = \"dpm\"", "heun or euler or renoise"});
  expect_error([&] { sampler.sample({torch::zeros({1, 1, 8, 8}), {}, {}}, {.psi = 0.5}); }, {"--psi 0.5"});
}

}  // namespace
}  // namespace dgl::test
