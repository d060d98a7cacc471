#include "dgl/families/diffusion/song_denoiser.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/architecture.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/onnx.h"
#include "dgl/nn/inherit.h"
#include "dgl/nn/onnx_graph.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

DenoiserSettings small_song(const std::string& architecture, int64_t classes = 0) {
  DenoiserSettings s;
  s.architecture = architecture;
  s.resolution = 8;
  s.img_channels = 1;
  s.channels = 16;
  s.multiples = {1, 1, 2};
  s.blocks = 1;
  s.attention = {4};
  s.classes = classes;
  s.solver = {"renoise", 2, "karras"};
  return s;
}

/// A network whose layers all do something: fresh ones leave the last layer of every sum nearly 0.
std::shared_ptr<SongDenoiser> made_song(const DenoiserSettings& settings, Rational width = {}) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  auto network = std::make_shared<SongDenoiser>(SongShape::make(settings, width));
  for (auto& item : network->named_parameters()) {
    Tensor& tensor = item.value();
    if (tensor.dim() == 1) {
      tensor.add_(torch::randn_like(tensor) * 0.1);
    } else {
      tensor.normal_(0, 1 / std::sqrt(static_cast<double>(tensor.numel() / tensor.size(0))));
    }
  }
  return network;
}

class SongDenoisers : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Architectures, SongDenoisers, ::testing::Values("ddpm++", "ncsn++"));

// EDM's networks for CIFAR-10, to the digit: without the 9 x noise channels that its labels of augmentations take.
TEST(SongSizes, AreThoseOfEdm) {
  DenoiserSettings s;
  s.resolution = 32;
  s.multiples = {2, 2, 2};
  s.blocks = 4;
  s.attention = {16};
  const auto expect_size = [&](const char* architecture, int64_t params, double macs) {
    s.architecture = architecture;
    const SongShape shape = SongShape::make(s, {});
    EXPECT_EQ(shape.cost().params + 9 * shape.noise_channels(), params) << architecture;
    EXPECT_NEAR(static_cast<double>(shape.cost().macs) / 1e9, macs, 1e-3) << architecture;
  };
  expect_size("ddpm++", 55733891, 21.190);
  expect_size("ncsn++", 56397827, 21.230);
}

TEST_P(SongDenoisers, CountedParametersAreTheAllocatedOnes) {
  for (const char* width : {"1", "1/2"}) {
    for (const int64_t classes : {0, 3}) {
      const auto network = made_song(small_song(GetParam(), classes), Rational::parse(width, "width"));
      int64_t sum = 0;
      for (const auto& p : network->parameters()) sum += p.numel();
      EXPECT_EQ(sum, network->cost().params) << width;
      EXPECT_EQ(denoiser_cost(network->settings(), "m").macs, network->cost().macs);
    }
  }
}

TEST_P(SongDenoisers, FastPathsAgreeWithReference) {
  const auto network = made_song(small_song(GetParam(), 3));
  const Tensor images = torch::randn({3, 1, 8, 8}), sigma = torch::tensor({0.1f, 1.0f, 10.0f});
  const Tensor labels = torch::tensor({2, 0, 1});
  const auto gradients = [&](bool reference) {
    network->set_reference(reference);
    const Tensor x = images.clone().set_requires_grad(true);
    return torch::autograd::grad({network->denoise(x, sigma, labels).images.square().sum()},
                                 {x, network->last_weight(), network->named_parameters()["map_label.weight"]});
  };
  const auto fast = gradients(false), plain = gradients(true);
  for (size_t i = 0; i < fast.size(); ++i) EXPECT_LT(difference(fast[i], plain[i]), 1e-4) << i;
  const torch::NoGradGuard no_grad;
  const Tensor exact = network->denoise(images, sigma, labels).images;
  EXPECT_FALSE(network->denoise(images, sigma, torch::zeros({3}, torch::kLong)).images.equal(exact));
  network->set_activations(torch::kBFloat16);
  const Tensor rounded = network->denoise(images, sigma, labels).images;
  EXPECT_EQ(rounded.scalar_type(), torch::kFloat);
  EXPECT_FALSE(rounded.equal(exact));
  EXPECT_LT(difference(rounded, exact), 0.05);
}

TEST_P(SongDenoisers, FreshNetworksPredictNearlyNothing) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  SongDenoiser network(SongShape::make(small_song(GetParam()), {}));
  const Tensor output = network.forward(torch::randn({2, 1, 8, 8}), torch::tensor({-0.5f, 0.5f}), {});
  EXPECT_GT(output.abs().max().item<double>(), 0);
  EXPECT_LT(output.abs().max().item<double>(), 1e-2);
}

TEST_P(SongDenoisers, StartFromATeacher) {
  const torch::NoGradGuard no_grad;
  const DenoiserSettings s = small_song(GetParam(), 3);
  const auto wide = made_song(s), narrow = made_song(s, {1, 2});
  const auto equal = std::make_shared<SongDenoiser>(wide->shape());
  const Tensor x = torch::randn({2, 1, 8, 8}), times = torch::tensor({-0.3f, 0.4f}), labels = torch::tensor({2, 0});
  const auto of = [](const torch::nn::Module& network, const std::string& name) {
    return network.named_parameters()[name];
  };
  for (const char* rule : {"strided", "norm"}) {
    inherit_weights(*wide, *equal, rule, "teacher");
    EXPECT_TRUE(wide->forward(x, times, labels).equal(equal->forward(x, times, labels))) << rule;
    inherit_weights(*wide, *narrow, rule, "teacher");
    EXPECT_TRUE(narrow->forward(x, times, labels).isfinite().all().item<bool>()) << rule;
    const auto kept = kept_channels(*wide, *narrow, rule, "teacher");
    // A channel of self-attention keeps its query, key and value.
    const Tensor heads = kept.at("dec.2x2_in0.qkv");
    const Tensor rows = (heads.unsqueeze(1) * 3 + torch::arange(3)).flatten();
    EXPECT_TRUE(of(*narrow, "dec.2x2_in0.qkv.bias").equal(of(*wide, "dec.2x2_in0.qkv.bias").index_select(0, rows)))
        << rule;
    // Sines and cosines of the same frequencies stay, and with them their labels.
    const Tensor frequencies = kept.at("frequencies"),
                 waves = at::cat({frequencies, frequencies + wide->shape().noise_channels() / 2});
    EXPECT_TRUE(of(*narrow, "map_label.bias").equal(of(*wide, "map_label.bias").index_select(0, waves))) << rule;
    if (!wide->shape().architecture->random_frequencies) {
      EXPECT_TRUE(frequencies.equal(torch::tensor({0, 2, 4, 6}))) << rule;
    }
  }
}

// A wide network whose dropped channels carry nothing computes what the narrow one does, if every channel is a group of
// the norms by itself: producers and consumers of every group agree, those of concatenated inputs too.
TEST_P(SongDenoisers, DroppedChannelsThatCarryNothingAreNotMissed) {
  const torch::NoGradGuard no_grad;
  DenoiserSettings s = small_song(GetParam(), 3);
  s.groups = {.most = 4096, .channels = 1};
  const auto wide = made_song(s), narrow = made_song(s, {1, 2});
  inherit_weights(*wide, *narrow, "strided", "teacher");
  const ChannelLayout layout = narrow->channel_layout();
  const auto kept = kept_channels(*wide, *narrow, "strided", "teacher");
  const auto mask_of = [&](const std::string& group, float value) {
    return torch::zeros({2 * kept.at(group).numel()}).index_fill_(0, kept.at(group), value);
  };
  size_t masked = 0;
  for (auto& item : wide->named_parameters()) {
    const auto axes = layout.find(item.key());
    if (axes == layout.end()) continue;
    for (size_t dim = 0; dim < axes->second.size(); ++dim) {
      const ChannelAxis& axis = axes->second[dim];
      if (!axis.input) continue;
      std::vector<Tensor> masks{mask_of(axis.group, 1)};
      for (const std::string& group : axis.behind) masks.push_back(mask_of(group, 1));
      const Tensor mask = at::cat(masks);
      ASSERT_EQ(mask.numel(), item.value().size(static_cast<int64_t>(dim))) << item.key();
      std::vector<int64_t> sizes(axes->second.size(), 1);
      sizes[dim] = -1;
      item.value().mul_(mask.view(sizes));
      ++masked;
    }
    // Attention divides by the square root of its channels, and takes the products of dropped ones.
    if (const size_t at = item.key().find(".qkv."); at != std::string::npos) {
      const Tensor mask = torch::ones({item.value().size(0)});
      mask.view({-1, 3}).select(1, 0).copy_(mask_of(item.key().substr(0, at) + ".qkv", std::sqrt(2.0f)));
      item.value().mul_(item.value().dim() == 1 ? mask : mask.view({-1, 1, 1, 1}));
    }
  }
  EXPECT_GT(masked, 50u);
  // At time 0 all sines are 0 and all cosines 1, whatever the frequencies. Sums of twice as many numbers round
  // otherwise.
  const Tensor x = torch::randn({3, 1, 8, 8}), times = torch::zeros({3}), labels = torch::tensor({2, 0, 1});
  EXPECT_LT(difference(narrow->forward(x, times, labels), wide->forward(x, times, labels)), 1e-4);
}

TEST_P(SongDenoisers, ComeBackFromFiles) {
  NetworkSet networks;
  networks.add({.name = "denoiser", .network = made_song(small_song(GetParam(), 3))});
  const TemporaryFolder folder;
  save_model(folder / "m.safetensors", networks);
  const NetworkSet loaded = load_model(folder / "m.safetensors");
  ASSERT_TRUE(loaded.network<SongDenoiser>("denoiser"));
  EXPECT_EQ(loaded.network<SongDenoiser>("denoiser")->architecture(), GetParam());
  const torch::NoGradGuard no_grad;
  const Condition condition{torch::randn({2, 1, 8, 8}), torch::tensor({2, 0}), {}};
  EXPECT_TRUE(sampler_of(networks, "m")->sample(condition).equal(sampler_of(loaded, "m")->sample(condition)));
}

TEST_P(SongDenoisers, OnnxFilesHoldEachWeightOnce) {
  const torch::NoGradGuard no_grad;
  DiffusionSampler sampler(made_song(small_song(GetParam(), 3)));
  const auto bytes = [&](const char* name, int64_t steps) {
    sampler.choose_solver({name, steps}, "m");
    return onnx_graph(sampler, 1, {}).bytes().size();
  };
  const size_t one = bytes("renoise", 1), weights = static_cast<size_t>(sampler.network().cost().params) * 4;
  EXPECT_GT(one, weights);
  // What a step adds is its operators.
  const size_t step = bytes("renoise", 2) - one;
  EXPECT_LT(step, weights / 2);
  EXPECT_NEAR(static_cast<double>(bytes("renoise", 4) - one), static_cast<double>(3 * step),
              0.1 * static_cast<double>(step));
}

TEST(SongDenoiser, SettingsThatCannotBeBuiltAreRefused) {
  const auto refused = [](const std::function<void(DenoiserSettings&)>& change, const std::vector<std::string>& words) {
    DenoiserSettings s = small_song("ddpm++");
    change(s);
    expect_error([&] { shape_of_denoiser(s, {}); }, words);
  };
  refused([](DenoiserSettings& s) { s.architecture = "adm"; },
          {"network.architecture = \"adm\"", "ddpm or ddpm++ or ncsn++"});
  refused([](DenoiserSettings& s) { s.channels = 3; }, {"embedded in 3 numbers", "even number of 4 or more"});
  refused(
      [](DenoiserSettings& s) {
        s.architecture = "ncsn++";
        s.precondition = Precondition::eps;
      },
      {"precondition = \"eps\"", "expected edm", "ncsn++"});
  nlohmann::json shape = shape_of_denoiser(small_song("ddpm++"), {});
  EXPECT_EQ(shape["architecture"], "ddpm++");
  shape["architecture"] = "adm";
  expect_error([&] { make_denoiser(shape, "m", 1 << 30); }, {"m", "architecture = \"adm\"", "ddpm++"});
  shape["architecture"] = "ddpm++";
  expect_error([&] { make_denoiser(shape, "m", 10); }, {"m"});
}

}  // namespace
}  // namespace dgl::test
