#include "dgl/nn/inherit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "dgl/base/torch.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/families/stylegan2/networks.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

/// A kind of network, and what it makes of fixed inputs.
struct Kind {
  std::string name;
  std::function<std::shared_ptr<Network>(Rational width)> make;
  std::function<Tensor(Network&)> run;
};

Tensor run_generator(Network& network) {
  auto& g = dynamic_cast<Generator&>(network);
  torch::manual_seed(3);
  const Tensor z = torch::randn({6, g.z_dim()}), labels = torch::arange(6) % std::max<int64_t>(1, g.classes());
  return g.sample({z, g.classes() > 0 ? labels : Tensor(), {}});
}

Tensor run_discriminator(Network& network) {
  auto& d = dynamic_cast<Discriminator&>(network);
  torch::manual_seed(3);
  const Tensor images = torch::randn({6, d.channels(), d.resolution(), d.resolution()});
  return d.forward(images, d.classes() > 0 ? torch::arange(6) % d.classes() : Tensor());
}

StyleGan2Settings stylegan2(int64_t classes) {
  StyleGan2Settings s;
  s.resolution = 16;
  s.img_channels = 2;
  s.channel_base = 192;
  s.channel_max = 16;
  s.z_dim = 5;
  s.w_dim = 7;
  s.mapping_layers = 2;
  s.classes = classes;
  s.label_layers = 2;
  return s;
}

BigGanSettings biggan(bool hierarchical, int64_t resolution) {
  BigGanSettings s;
  s.resolution = resolution;
  s.img_channels = 1;
  s.z_dim = 12;
  s.classes = 5;
  s.channels = resolution == 32 ? 8 : 32;
  s.attention = resolution == 32 ? 16 : 32;
  s.hierarchical = hierarchical;
  s.shared_dim = hierarchical ? 6 : 0;
  return s;
}

/// Weights of every kind with values of their own, batch statistics and vectors of spectral norms included.
void randomize(Network& network) {
  const torch::NoGradGuard no_grad;
  for (auto& p : network.parameters()) p.copy_(torch::randn_like(p));
  for (auto& item : network.named_buffers()) {
    item.value().copy_(torch::rand_like(item.value()) + 0.5);
  }
  for (const auto& module : network.modules()) {
    if (auto* spectral = dynamic_cast<SpectralWeight*>(module.get())) spectral->iterate(500);
  }
  network.eval();
}

template <class NetworkType, class Shape>
std::shared_ptr<Network> fresh(const Shape& shape) {
  torch::manual_seed(1);
  auto network = std::make_shared<NetworkType>(shape);
  randomize(*network);
  return network;
}

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const int64_t classes : {0, 3}) {
    const std::string labels = classes ? "Conditional" : "";
    all.push_back({"StyleGan2Generator" + labels,
                   [=](Rational width) {
                     return fresh<StyleGan2Generator>(
                         StyleGan2GeneratorShape::make(stylegan2(classes), width, /*narrow_constant=*/classes > 0));
                   },
                   run_generator});
    all.push_back({"StyleGan2Discriminator" + labels,
                   [=](Rational width) {
                     return fresh<StyleGan2Discriminator>(StyleGan2DiscriminatorShape::make(stylegan2(classes), width));
                   },
                   run_discriminator});
  }
  for (const bool hierarchical : {true, false}) {
    const std::string form = hierarchical ? "Hierarchical" : "";
    all.push_back({"BigGanGenerator" + form,
                   [=](Rational width) {
                     return fresh<BigGanGenerator>(BigGanGeneratorShape::make(biggan(hierarchical, 32), width));
                   },
                   run_generator});
  }
  for (const int64_t resolution : {32, 64}) {
    all.push_back({"BigGanDiscriminator" + std::to_string(resolution),
                   [=](Rational width) {
                     return fresh<BigGanDiscriminator>(
                         BigGanDiscriminatorShape::make(biggan(false, resolution), width));
                   },
                   run_discriminator});
  }
  return all;
}

class Inherit : public ::testing::TestWithParam<Kind> {
 protected:
  static double distance(const Tensor& a, const Tensor& b) {
    return (a - b).abs().max().item<double>() / b.abs().max().item<double>();
  }
  static int64_t fan_in(const Tensor& weight) { return weight.numel() / weight.size(0); }
};

INSTANTIATE_TEST_SUITE_P(Networks, Inherit, ::testing::ValuesIn(kinds()),
                         [](const auto& info) { return info.param.name; });

TEST_P(Inherit, AtFullWidthTheStudentEqualsTheTeacherToTheBit) {
  const auto teacher = GetParam().make({1, 1}), student = GetParam().make({1, 1});
  randomize(*student);
  EXPECT_FALSE(GetParam().run(*student).equal(GetParam().run(*teacher)));
  for (const std::string& rule : channel_rule_names()) {
    inherit_weights(*teacher, *student, rule, "teacher");
    for (const auto& item : teacher->named_parameters()) {
      EXPECT_TRUE(student->named_parameters()[item.key()].equal(item.value())) << item.key();
    }
    for (const auto& item : teacher->named_buffers()) {
      EXPECT_TRUE(student->named_buffers()[item.key()].equal(item.value())) << item.key();
    }
    EXPECT_TRUE(GetParam().run(*student).equal(GetParam().run(*teacher)));
  }
}

// Channels whose weights are all 0 do not count. A student that loses those, and no other, gives what its teacher
// gives, if all layers agree on which they are.
TEST_P(Inherit, ChannelsThatDoNothingMayGo) {
  const torch::NoGradGuard no_grad;
  for (const char* width : {"1/2", "1/4", "3/4"}) {
    const auto teacher = GetParam().make({1, 1}), student = GetParam().make(Rational::parse(width, "width"));
    const ChannelLayout layout = student->channel_layout();
    const auto weights = teacher->named_parameters();
    for (const auto& [group, kept] : kept_channels(*teacher, *student, "norm", "teacher")) {
      for (const auto& [name, axes] : layout) {
        const Tensor* weight = weights.find(name);
        if (!weight || name.find("affine") != std::string::npos) continue;
        for (size_t dim = 0; dim < axes.size(); ++dim) {
          if (axes[dim].group != group) continue;
          // 1 for what stays.
          Tensor mask = torch::zeros({weight->size(static_cast<int64_t>(dim))});
          mask.slice(0, mask.size(0) - axes[dim].extra).fill_(1);
          for (int64_t i = 0; i < axes[dim].repeats; ++i) mask.index_fill_(0, kept * axes[dim].repeats + i, 1);
          std::vector<int64_t> sizes(static_cast<size_t>(weight->dim()), 1);
          sizes[dim] = -1;
          weight->mul_(mask.view(sizes));
        }
      }
    }
    // The mean deviation over feature maps depends on their number.
    for (const auto& item : teacher->named_parameters()) {
      if (item.key() == "b4.conv.weight") item.value().slice(1, item.value().size(1) - 1).zero_();
    }
    for (const auto& module : teacher->modules()) {
      if (auto* spectral = dynamic_cast<SpectralWeight*>(module.get())) spectral->iterate(500);
    }
    inherit_weights(*teacher, *student, "norm", "teacher");
    for (const auto& module : student->modules()) {
      if (auto* spectral = dynamic_cast<SpectralWeight*>(module.get())) spectral->iterate(500);
    }
    // Equalized learning rates scale a weight by its number of inputs. An embedding of labels, whose mean square is 1,
    // is as much shorter as it has fewer numbers, and so is the scale of a product with it.
    if (GetParam().name.starts_with("StyleGan2")) {
      const auto share = [&](const std::string& name, const auto& size) {
        return std::sqrt(static_cast<double>(size(student->named_parameters()[name])) /
                         static_cast<double>(size(teacher->named_parameters()[name])));
      };
      for (const auto& item : student->named_parameters()) {
        const std::string& name = item.key();
        if (name.ends_with(".weight") && item.value().dim() > 1 && name != "mapping.fc0.weight") {
          item.value().mul_(share(name, fan_in));
        }
        if (name.starts_with("b4.out.")) {
          item.value().mul_(share(name, [](const Tensor& tensor) { return tensor.size(0); }));
        }
      }
    }
    EXPECT_LT(distance(GetParam().run(*student), GetParam().run(*teacher)), 1e-4) << width;
    // And with the channels of the other rule it does not, or is no number where none was left.
    const auto other = GetParam().make(Rational::parse(width, "width"));
    inherit_weights(*teacher, *other, "strided", "teacher");
    EXPECT_FALSE(distance(GetParam().run(*other), GetParam().run(*teacher)) < 1e-3) << width;
  }
}

TEST(InheritRules, StridedIsAFunctionOfTheSizes) {
  const auto teacher = fresh<StyleGan2Discriminator>(StyleGan2DiscriminatorShape::make(stylegan2(0), {1, 1}));
  const auto student = fresh<StyleGan2Discriminator>(StyleGan2DiscriminatorShape::make(stylegan2(0), {3, 8}));
  const auto kept = kept_channels(*teacher, *student, "strided", "teacher");
  // 16 to 6, and 12 to 4 at 16 x 16.
  EXPECT_TRUE(kept.at("b4").equal(torch::tensor({0, 2, 5, 8, 10, 13})));
  EXPECT_TRUE(kept.at("b4.conv").equal(kept.at("b4")));
  EXPECT_TRUE(kept.at("b16").equal(torch::tensor({0, 3, 6, 9})));
}

TEST(InheritRules, NormKeepsTheChannelsThatWeighMost) {
  const torch::NoGradGuard no_grad;
  const auto teacher = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(stylegan2(0), {1, 1}, false));
  const auto student = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(stylegan2(0), {1, 4}, false));
  const auto parameters = teacher->named_parameters();
  // Of the last feature maps, by the image: its weights times its scales.
  parameters["synthesis.b16.torgb.weight"].fill_(0.1);
  parameters["synthesis.b16.torgb.affine.bias"].fill_(1);
  parameters["synthesis.b16.torgb.weight"].select(1, 7).fill_(-0.3);
  parameters["synthesis.b16.torgb.affine.bias"][2] = -5;
  parameters["synthesis.b16.torgb.affine.bias"][9] = 4;
  parameters["synthesis.b16.torgb.weight"].select(1, 9).fill_(0.01);
  EXPECT_TRUE(
      kept_channels(*teacher, *student, "norm", "teacher").at("synthesis.b16.conv1").equal(torch::tensor({0, 2, 7})));
}

TEST(InheritRules, WhatDoesNotFitIsSaid) {
  const auto wide = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(stylegan2(0), {1, 1}, false));
  const auto narrow = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(stylegan2(0), {1, 2}, false));
  const Tensor before = narrow->parameters().back().clone();
  expect_error([&] { inherit_weights(*narrow, *wide, "strided", "t.safetensors"); },
               {"t.safetensors", "synthesis.b", "fewer than the student's", "at least as wide"});
  StyleGan2Settings other = stylegan2(0);
  other.w_dim = 8;
  const auto styles = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(other, {1, 1}, false));
  expect_error([&] { inherit_weights(*styles, *narrow, "strided", "t.safetensors"); },
               {"t.safetensors", "size 8", "no width narrows"});
  other = stylegan2(0);
  other.mapping_layers = 1;
  const auto shallow = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(other, {1, 1}, false));
  expect_error([&] { inherit_weights(*shallow, *narrow, "strided", "t.safetensors"); },
               {"t.safetensors", "no tensor mapping.fc1"});
  const auto same = fresh<StyleGan2Generator>(StyleGan2GeneratorShape::make(other, {1, 2}, false));
  expect_error([&] { inherit_weights(*wide, *same, "strided", "t.safetensors"); },
               {"t.safetensors", "mapping.fc1", "the student none"});
  expect_error([&] { inherit_weights(*wide, *narrow, "best", "t.safetensors"); }, {"student.keep_channels", "best"});
  EXPECT_TRUE(narrow->parameters().back().equal(before));
}

}  // namespace
}  // namespace dgl::test
