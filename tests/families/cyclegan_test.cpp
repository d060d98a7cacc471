#include "dgl/families/cyclegan/cyclegan.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/image_pool.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/families/cyclegan/objective.h"
#include "dgl/families/cyclegan/samplers.h"
#include "dgl/families/cyclegan/unet_generator.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/safetensors.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/nn/inherit.h"
#include "dgl/nn/onnx_graph.h"
#include "families/cyclegan_files.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

/// Networks that the reference trained for a step, and what it made of them (tests/golden/README.md).
class CycleGanAgreement : public ::testing::Test {
 protected:
  CycleGanAgreement() : model_(whole_cyclegan()), expected_(load_safetensors(kCycleGanFiles / "step.safetensors")) {
    settings_.resolution = 16;
    settings_.pool = 0;
    input_.real = {{expected("a"), {}}, {expected("b"), {}}};
    input_.random = at::make_generator<at::CPUGeneratorImpl>(1);
  }
  Tensor expected(const std::string& name) const { return expected_.at(name, "golden"); }
  std::shared_ptr<ResnetGenerator> generator(const std::string& direction) const {
    return model_.network<ResnetGenerator>("generator_" + direction);
  }

  /// Runs a phase and compares all gradients that the golden file holds of the networks that it trains. Returns how
  /// many it holds.
  int compare_gradients(const Phase& phase, const std::string& prefix, StepOutput& output) const {
    for (const auto& slot : model_) set_requires_grad(*slot.network, false);
    for (const std::string& slot : phase.trains) set_requires_grad(*model_.network(slot), true);
    phase.loss(input_, output).backward();
    int compared = 0;
    for (const std::string& slot : phase.trains) {
      double largest = 0;  // gradients of biases in front of a norm are 0 but for rounding
      for (const Tensor& p : model_.network(slot)->parameters())
        largest = std::max(largest, p.grad().abs().max().item<double>());
      for (const auto& item : model_.network(slot)->named_parameters()) {
        std::string name = item.key();
        if (name.starts_with("main.")) name = "model." + name.substr(5);
        const auto found = expected_.tensors.find(prefix + "." + slot + "." + name);
        if (found == expected_.tensors.end()) continue;
        ++compared;
        const double error = (item.value().grad() - found->second).abs().max().item<double>();
        EXPECT_LT(error, 1e-4 * std::max(found->second.abs().max().item<double>(), 1e-2 * largest))
            << slot << " " << name;
      }
    }
    return compared;
  }

  NetworkSet model_;
  TensorFile expected_;
  CycleGanSettings settings_;
  StepInput input_;
};

TEST_F(CycleGanAgreement, TranslatesAndJudgesAsTheReference) {
  const torch::NoGradGuard no_grad;
  const Tensor a = expected("a"), b = expected("b");
  const Tensor to_b = generator("a_to_b")->forward(a), to_a = generator("b_to_a")->forward(b);
  EXPECT_LT(difference(to_b, expected("a_to_b")), 1e-5);
  EXPECT_LT(difference(to_a, expected("b_to_a")), 1e-5);
  EXPECT_LT(difference(generator("b_to_a")->forward(to_b), expected("cycle_a")), 1e-5);
  EXPECT_LT(difference(generator("a_to_b")->forward(to_a), expected("cycle_b")), 1e-5);
  EXPECT_LT(difference(generator("a_to_b")->forward(expected("wide")), expected("wide_a_to_b")), 1e-5);
  // The reference's D_A judges domain b.
  EXPECT_LT(difference(model_.network<Discriminator>("discriminator_a")->forward(a, {}), expected("scores_a")), 1e-5);
  EXPECT_LT(difference(model_.network<Discriminator>("discriminator_b")->forward(b, {}), expected("scores_b")), 1e-5);
}

TEST_F(CycleGanAgreement, LossesAndGradientsAreTheReferences) {
  CycleGanObjective objective(settings_, model_);
  const auto phases = objective.phases();
  ASSERT_EQ(phases.size(), 4u);
  StepOutput output;
  EXPECT_EQ(compare_gradients(phases[0], "gradient", output), 16);
  EXPECT_EQ(compare_gradients(phases[1], "gradient", output), 40);
  // In the reference G_A, D_A and idt_A are what translates into b, and cycle_A is of a.
  const std::pair<const char*, const char*> names[] = {
      {"g_b", "G_A"},          {"g_a", "G_B"},          {"cycle_a", "cycle_A"}, {"cycle_b", "cycle_B"},
      {"identity_b", "idt_A"}, {"identity_a", "idt_B"}, {"d_b", "D_A"},         {"d_a", "D_B"}};
  for (const auto& [own, theirs] : names) {
    EXPECT_LT(difference(output.losses.at(own), expected(std::string("loss.") + theirs)), 1e-5) << own;
  }
}

// A teacher with a discriminator of each domain: 0.3 of its loss of the translations, and its features of the cycles.
TEST_F(CycleGanAgreement, ATeachersTermsAreThoseOfBothDomains) {
  const NetworkSet teacher = imported_cyclegan({"teacher_net_D_A.pth", "teacher_net_D_B.pth"});
  Guidance guidance;
  for (const auto& [slot, network, domain] : discriminators_of(teacher, "teacher")) {
    EXPECT_EQ(slot, domain == 0 ? "discriminator_a" : "discriminator_b");
    guidance.add({.name = slot,
                  .discriminator = network,
                  .loss = make_adversarial_loss("lsgan", "loss"),
                  .lambda = constant_schedule(0.3),
                  .domain = domain},
                 {settings_.image(), 0});
    guidance.add(std::make_unique<PairTerm>(
        PairTeacher{.name = slot, .discriminator = network, .mu = constant_schedule(1), .domain = domain}));
  }
  input_.guidance = &guidance;
  CycleGanObjective objective(settings_, model_);
  StepOutput output;
  EXPECT_EQ(compare_gradients(objective.phases()[1], "guided", output), 32);
  EXPECT_LT(difference(output.losses.at("g_pair"), expected("loss.pair")), 1e-5);
  EXPECT_LT(difference(output.losses.at("g_guidance"), expected("loss.pair") + expected("loss.realism")), 1e-5);
  EXPECT_TRUE(output.scores.count("teacher_fake"));

  // A phase of guidance keeps the terms alone.
  input_.guidance_alone = true;
  StepOutput alone;
  const Tensor loss = objective.phases()[2].loss(input_, alone);
  EXPECT_LT(difference(loss.detach(), expected("loss.pair") + expected("loss.realism")), 1e-5);
  EXPECT_FALSE(alone.losses.count("g_b"));
}

TEST_F(CycleGanAgreement, ThePoolPassesWhatTheReferencesDoes) {
  ImagePool pool(50, {1, 1, 1});
  const Tensor chances = expected("pool.chances"), passed = expected("pool.passed");
  const Tensor images = torch::arange(200, torch::kFloat).view({200, 1, 1, 1});
  // 100 images one by one, then four at a time.
  for (int64_t first = 0; first < 200;) {
    const int64_t last = first + (first < 100 ? 1 : 4);
    const auto query = pool.query(images.slice(0, first, last), chances.slice(0, first, last));
    EXPECT_TRUE(query.images.flatten().equal(passed.slice(0, first, last))) << first;
    pool.update(query.incoming, query.places);
    first = last;
  }
  EXPECT_FALSE(passed.equal(images.flatten()));
}

TEST_F(CycleGanAgreement, TheLearningRateDecaysAsTheReferences) {
  const Schedule schedule = make_schedule("piecewise:0=1,0.5=1,1=0", 1, "training.lr_schedule");
  const Tensor factors = expected("factors");
  // The reference changes it from epoch to epoch, and ours from step to step: half an epoch is 0.005.
  for (int64_t epoch = 0; epoch < 200; ++epoch) {
    EXPECT_NEAR(schedule((static_cast<double>(epoch) + 0.5) / 200), factors[epoch].item<double>(), 0.0051) << epoch;
  }
}

/// Our count, and that of GAN Compression's torchprofile, which counts a transposed convolution at the pixels of its
/// output and an operation for every element of a norm.
int64_t count_as_torchprofile(const ResnetShape& shape, bool norms) {
  const int64_t whole = shape.resolution * shape.resolution, half = whole / 4, quarter = whole / 16;
  int64_t macs = shape.cost().macs;
  const auto& c = shape.channels;
  macs += 9 * 3 * (c[2] * c[3] * quarter + c[3] * c[4] * half);  // four times as many pixels
  if (!norms) return macs;
  macs += whole * (c[0] + c[4]) + half * (c[1] + c[3]) + quarter * c[2];
  for (const int64_t hidden : shape.hidden) {
    macs += quarter * (hidden + shape.trunk());
    if (shape.separable()) macs += quarter * (shape.trunk() + hidden);
  }
  return macs;
}

ResnetShape sub_mobile(const std::vector<int64_t>& widths) {
  ResnetShape shape;
  shape.architecture = "mobile";
  shape.channels = {widths[0], 2 * widths[1], 4 * widths[2], 2 * widths[6], widths[7]};
  shape.hidden.clear();
  for (int i = 0; i < 9; ++i) shape.hidden.push_back(4 * widths[static_cast<size_t>(3 + i / 3)]);
  return shape;
}

TEST(CycleGanCosts, AreThePublishedOnes) {
  const auto check = [](const ResnetShape& shape, int64_t params, double macs, double published) {
    EXPECT_EQ(shape.cost().params, params);
    EXPECT_NEAR(static_cast<double>(shape.cost().macs) / 1e9, macs, 5e-5) << params;
    EXPECT_NEAR(static_cast<double>(count_as_torchprofile(shape, false)) / 1e9, published, 5e-5) << params;
  };
  check(ResnetShape::usual(256, 3, "resnet", 64, 9), 11378179, 49.5515, 56.7993);
  check(ResnetShape::usual(256, 3, "resnet", 32, 9), 2850563, 12.6962, 14.5081);
  check(ResnetShape::usual(256, 3, "resnet", 16, 9), 715651, 3.3282, 3.7812);
  check(ResnetShape::usual(256, 3, "resnet", 8, 9), 180419, 0.9091, 1.0224);
  check(ResnetShape::usual(256, 3, "resnet", 64, 6), 7837699, 35.0560, 42.3038);
  check(ResnetShape::usual(128, 3, "resnet", 64, 6), 7837699, 8.7640, 10.5759);
  check(ResnetShape::usual(256, 3, "mobile", 64, 9), 1987075, 11.0667, 18.3144);
  check(ResnetShape::usual(256, 3, "mobile", 32, 9), 514307, 3.1174, 4.9294);
  check(ResnetShape::usual(256, 3, "mobile", 16, 9), 137347, 0.9547, 1.4077);
  check(ResnetShape::usual(32, 3, "resnet", 32, 6), 1965059, 0.1418, 0.1701);
  const ResnetShape narrow = sub_mobile({16, 16, 32, 16, 32, 32, 16, 16}),
                    wide = sub_mobile({32, 32, 48, 32, 48, 48, 16, 16});
  EXPECT_EQ(narrow.cost().params, 356867);
  EXPECT_EQ(wide.cost().params, 822051);
  EXPECT_NEAR(static_cast<double>(narrow.cost().macs) / 1e9, 1.8458, 5e-5);
  EXPECT_NEAR(static_cast<double>(wide.cost().macs) / 1e9, 4.0556, 5e-5);
  EXPECT_EQ(count_as_torchprofile(wide, true), 4993843200);
  EXPECT_NEAR(static_cast<double>(count_as_torchprofile(narrow, true)) / 1e9, 2.5462, 5e-5);

  const CycleGanFamily family;
  CycleGanSettings settings;
  settings.resolution = 256;
  const Cost d = family.cost("discriminator_a", family.shape(settings, {}, "discriminator_a"));
  EXPECT_EQ(d.params, 2764737);
  EXPECT_NEAR(static_cast<double>(d.macs) / 1e9, 3.1468, 5e-5);
  // What is counted is what is there.
  for (const char* kind : {"resnet", "mobile"}) {
    const ResnetGenerator network(ResnetShape::usual(16, 3, kind, 6, 2));
    int64_t numbers = 0;
    for (const Tensor& p : network.parameters()) numbers += p.numel();
    EXPECT_EQ(network.cost().params, numbers);
  }
}

// Channels that a narrow student keeps stand where its layers expect them: a wide network whose other channels do
// nothing computes the same.
TEST(CycleGanNetworks, AStudentStartsFromItsTeacher) {
  const torch::NoGradGuard no_grad;
  for (const char* kind : {"resnet", "mobile"}) {
    torch::manual_seed(3);
    const auto wide_network = std::make_shared<ResnetGenerator>(ResnetShape::usual(16, 3, kind, 8, 2)),
               same_network = std::make_shared<ResnetGenerator>(wide_network->shape()),
               narrow_network = std::make_shared<ResnetGenerator>(ResnetShape::usual(16, 3, kind, 4, 2));
    ResnetGenerator &wide = *wide_network, &same = *same_network, &narrow = *narrow_network;
    for (auto& p : wide.parameters()) p.add_(torch::randn_like(p) * 0.1);
    const Tensor images = torch::randn({2, 3, 16, 24}).clamp(-1, 1);
    inherit_weights(wide, same, "norm", "teacher");
    EXPECT_TRUE(same.forward(images).equal(wide.forward(images)));

    const auto kept = kept_channels(wide, narrow, "strided", "teacher");
    EXPECT_EQ(kept.size(), 7u);  // three layers on the way in, two blocks, two on the way out
    inherit_weights(wide, narrow, "strided", "teacher");
    for (auto& item : wide.named_parameters()) {
      const auto axes = wide.channel_layout().find(item.key());
      if (axes == wide.channel_layout().end()) continue;
      const auto layout = wide.channel_layout().at(item.key());
      for (size_t dim = 0; dim < layout.size(); ++dim) {
        if (!layout[dim].input) continue;
        const auto size = item.value().size(static_cast<int64_t>(dim));
        Tensor mask = torch::zeros({size});
        mask.index_fill_(0, kept.at(layout[dim].group), 1);
        std::vector<int64_t> shape(static_cast<size_t>(item.value().dim()), 1);
        shape[dim] = size;
        item.value().mul_(mask.view(shape));
      }
    }
    EXPECT_LT(difference(narrow.forward(images), wide.forward(images)), 1e-5) << kind;
  }
}

TEST(CycleGanNetworks, TakesBfloat16AndImagesOfOtherSides) {
  const torch::NoGradGuard no_grad;
  for (const char* kind : {"resnet", "mobile"}) {
    torch::manual_seed(4);
    ResnetGenerator network(ResnetShape::usual(32, 1, kind, 8, 2));
    const Tensor images = torch::randn({1, 1, 8, 36}).clamp(-1, 1);
    const Tensor plain = network.forward(images);
    EXPECT_EQ(plain.sizes(), images.sizes());
    EXPECT_EQ(network.apply({{"images", images}}, "x").at("images").sizes(), images.sizes());
    network.set_activations(torch::kBFloat16);
    const Tensor coarse = network.forward(images);
    EXPECT_EQ(coarse.scalar_type(), torch::kFloat);
    EXPECT_LT(difference(coarse, plain), 0.1);
    EXPECT_FALSE(coarse.equal(plain));
    for (const auto& [height, width] : {std::pair{8, 10}, {4, 8}}) {
      expect_error(
          [&] {
            network.apply({{"images", torch::zeros({1, 1, height, width})}}, "x.safetensors");
          },
          {"x.safetensors", "tensor images", std::to_string(width), "multiples of 4 from 8 on"});
    }
    OnnxGraph graph;
    EXPECT_TRUE(network.apply_to_onnx(graph));
    EXPECT_NE(graph.bytes().find("images_size2"), std::string::npos);
  }
}

TEST(CycleGanNetworks, SettingsAreBounded) {
  const CycleGanFamily family;
  const auto refused = [&](const char* key, const nlohmann::json& value, const std::vector<std::string>& words) {
    nlohmann::json json = ResnetShape::usual(16, 3, "resnet", 4, 2).to_json();
    json[key] = value;
    expect_error([&] { family.make_network("generator_a_to_b", json, "m", INT64_MAX); }, words);
  };
  refused("resolution", 18, {"m", "resolution = 18", "multiple of 4"});
  refused("channels", {4, 8, 16}, {"channels", "3 numbers, expected 5"});
  refused("hidden", nlohmann::json(std::vector<int64_t>(65, 4)), {"hidden"});
  refused("architecture", "unit", {"unit", "resnet or mobile or unet"});
  const auto unet_refused = [&](const char* key, const nlohmann::json& value, const std::vector<std::string>& words) {
    nlohmann::json json = UnetShape{.resolution = 32, .channels = {4, 8, 8}}.to_json();
    json[key] = value;
    expect_error([&] { family.make_network("generator_a_to_b", json, "m", INT64_MAX); }, words);
  };
  unet_refused("resolution", 20, {"m", "resolution = 20", "multiple of 8"});
  unet_refused("channels", {4}, {"channels", "1 numbers, expected at least 2"});
  unet_refused("norm", "none", {"norm = \"none\"", "batch or instance"});
  expect_error(
      [&] {
        family.make_network("generator_a_to_b", ResnetShape::usual(256, 3, "resnet", 16384 / 4, 64).to_json(), "m",
                            1000);
      },
      {"m", "1000"});
  CycleGanSettings settings;
  settings.resolution = 16;
  expect_error([&] { family.shape(settings, {}, "discriminator_a"); }, {"16 pixels", "expected fewer layers"});
}

TEST(CycleGanModels, HaveTwoDirections) {
  const NetworkSet model = whole_cyclegan();
  const Tensor images = torch::zeros({1, 3, 16, 16});
  const torch::NoGradGuard no_grad;
  const auto made = [&](const std::string& direction) {
    return translator_of(model, direction, "m").there->sample({{}, {}, images});
  };
  EXPECT_TRUE(made("").equal(made("a_to_b")));
  EXPECT_TRUE(made("").equal(sampler_of(model, "m")->sample({{}, {}, images})));
  EXPECT_FALSE(made("b_to_a").equal(made("a_to_b")));
  expect_error([&] { made("sideways"); }, {"--direction sideways", "a_to_b or b_to_a"});
  EXPECT_EQ(slot_of(model, "b_to_a", "m").name, "generator_b_to_a");
  EXPECT_EQ(slot_of(model, "discriminator_a", "m").name, "discriminator_a");
  EXPECT_EQ(discriminator_of(model, "m"), model.network<Discriminator>("discriminator_b"));
  const NetworkSet half = imported_cyclegan({"latest_net_G_A.pth", "latest_net_D_B.pth"});
  expect_error([&] { translator_of(half, "b_to_a", "half"); }, {"half", "no generator of the direction b_to_a"});
  expect_error([&] { discriminator_of(half, "half"); }, {"half", "only a discriminator_a"});
  const TemporaryFolder folder;
  save_model(folder / "m.safetensors", model);
  const NetworkSet back = load_model(folder / "m.safetensors");
  EXPECT_TRUE(translator_of(back, "b_to_a", "m").there->sample({{}, {}, images}).equal(made("b_to_a")));
}

}  // namespace
}  // namespace dgl::test
