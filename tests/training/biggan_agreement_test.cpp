#include "devices.h"
#include "dgl/base/torch.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/families/import.h"
#include "dgl/guidance/guidance.h"
#include "dgl/losses/regularizers.h"
#include "ops/gradcheck.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kGolden = fs::path(DGL_SOURCE_DIR) / "tests/golden/biggan";

/// One training step of biggan32 on given latents, labels and images, beside what BigGAN-PyTorch computes on the same
/// (tests/golden/README.md): both networks in training mode, first the discriminator's phase, then the generator's.
class BigGanStep : public ::testing::TestWithParam<std::string> {
 protected:
  BigGanStep() {
    const NetworkSet model = import_model({kGolden / "biggan32/G.pth", kGolden / "biggan32/D.pth"});
    generator_ = model.network<BigGanGenerator>("generator");
    discriminator_ = model.network<BigGanDiscriminator>("discriminator");
    discriminator_->train();
    generator_->to(device_);
    discriminator_->to(device_);
  }
  torch::Tensor at(const std::string& name) const { return golden_.at(name, "golden").to(device_); }

  void expect_loss(const torch::Tensor& loss, const std::string& name) const {
    const double expected = at("loss." + name).item<double>();
    EXPECT_NEAR(loss.item<double>(), expected, 2e-4 * std::abs(expected)) << name;
  }

  void expect_near(const torch::Tensor& actual, const torch::Tensor& expected, double scale, const std::string& name,
                   double tolerance = 2e-4) {
    const double difference = (actual - expected).abs().max().item<double>() / scale;
    EXPECT_LT(difference, tolerance) << name;
    if (difference > largest_) {
      largest_ = difference;
      worst_ = name;
    }
  }

  /// Whether a generator's parameter only shifts what a batch norm centers, so that its gradient is zero but for
  /// rounding.
  static bool is_centered(const std::string& name) {
    return name == "blocks.2.0.conv2.bias" || name == "blocks.2.0.conv_sc.bias" ||
           name.find(".conv1.bias") != std::string::npos;
  }

  /// Compares every parameter's gradient; those that are rounding alone are held against the largest gradient of all.
  /// One value before a ReLU lies 8e-8 from its kink, where rounding, which differs between processors and operations,
  /// decides whether its gradient flows.
  void expect_gradients(const torch::nn::Module& network, const std::string& phase) {
    double largest = 0;
    for (const auto& item : network.named_parameters()) {
      largest = std::max(largest, at("grad." + phase + "." + item.key()).abs().max().item<double>());
    }
    largest_ = 0;
    for (const auto& item : network.named_parameters()) {
      const torch::Tensor expected = at("grad." + phase + "." + item.key());
      const bool rounding = phase == "g_main" && is_centered(item.key());
      expect_near(item.value().grad(), expected, rounding ? largest : expected.abs().max().item<double>(),
                  phase + " " + item.key(), 2e-3);
    }
    fmt::print("{} on {}: largest relative difference of a gradient {:.1e}, at {}\n", phase, GetParam(), largest_,
               worst_);
  }

  void expect_buffers(const torch::nn::Module& network, const std::string& prefix) {
    largest_ = 0;
    for (const auto& item : network.named_buffers()) {
      const torch::Tensor expected = at(prefix + item.key());
      expect_near(item.value(), expected, expected.abs().max().item<double>(), item.key());
    }
    fmt::print("{} largest relative difference of a vector or statistic {:.1e}\n", prefix, largest_);
  }

  /// A step of each network: losses, gradients, power iterations and statistics.
  void check_step() {
    const auto adversarial = make_adversarial_loss("hinge", "test");
    torch::Tensor fake;
    {
      torch::NoGradGuard no_grad;
      fake = generator_->generate(at("z_d"), at("labels_d"), Pass::training());
    }
    const torch::Tensor both =
        discriminator_->forward(at::cat({fake, at("real")}), at::cat({at("labels_d"), at("real_labels")}), 2);
    const torch::Tensor d_loss = adversarial->discriminator_fake(both.slice(0, 0, 6)).mean() +
                                 adversarial->discriminator_real(both.slice(0, 6)).mean();
    expect_loss(d_loss, "d_main");
    d_loss.backward();
    expect_gradients(*discriminator_, "d_main");

    TensorFile teacher;
    for (const auto& [name, tensor] : golden_.tensors) {
      if (name.rfind("teacher.", 0) == 0) teacher.tensors[name.substr(8)] = tensor;
    }
    const auto discriminator =
        std::make_shared<BigGanDiscriminator>(biggan_discriminator_shape(teacher.tensors, "teacher"));
    get_module(teacher, "", *discriminator, "teacher");
    discriminator->to(device_);
    Guidance guidance;
    guidance.add(
        {.name = "teacher", .discriminator = discriminator, .loss = adversarial, .lambda = constant_schedule(0.1)},
        {{3, 32, 32}, 5});
    set_requires_grad(*discriminator_, false);
    fake = generator_->generate(at("z_g"), at("labels_g"), Pass::training());
    const torch::Tensor loss = adversarial->generator(discriminator_->forward(fake, at("labels_g"), 1)).mean();
    const torch::Tensor term = guidance.evaluate({fake, at("labels_g")}).loss;
    expect_loss(loss, "g_main");
    expect_loss(term, "g_guidance");
    (loss + term).backward();
    expect_gradients(*generator_, "g_main");

    expect_buffers(*generator_, "after.g.");
    expect_buffers(*discriminator_, "after.d.");
  }

  const torch::Device device_{GetParam()};
  const TensorFile golden_ = load_safetensors(kGolden / "step.safetensors");
  std::shared_ptr<BigGanGenerator> generator_;
  std::shared_ptr<BigGanDiscriminator> discriminator_;
  double largest_ = 0;
  std::string worst_;  // where it is
};

TEST_P(BigGanStep, LossesGradientsAndWhatRidesAlong) {
  const ReferenceGuard plain;
  check_step();
}

TEST_P(BigGanStep, TheFastOperationsToo) { check_step(); }

TEST_P(BigGanStep, OrthogonalRegularization) {
  largest_ = 0;
  size_t compared = 0, expected = 0;
  for (const auto& item : generator_->named_parameters()) {
    const std::string name = "grad.g_ortho." + item.key();
    expected += golden_.contains(name);
    for (const torch::Tensor& matrix : generator_->matrices()) {
      if (!matrix.is_same(item.value())) continue;
      const torch::Tensor gradient = torch::autograd::grad({orthogonal_penalty(matrix) * 1e-2}, {matrix})[0];
      // The reference added it to another gradient, of which some digits are lost.
      const double scale = std::max(at(name).abs().max().item<double>(),
                                    1e-2 * at("grad.g_main." + item.key()).abs().max().item<double>());
      expect_near(gradient, at(name), scale, name);
      ++compared;
    }
  }
  EXPECT_EQ(compared, expected);
  fmt::print("g_ortho: largest relative difference of a gradient {:.1e}\n", largest_);
}

TEST_P(BigGanStep, PowerIterations) {
  const torch::Tensor weight = at("power.weight");
  torch::Tensor u0 = at("power.u0").clone();
  for (int i = 0; i < 5; ++i) {
    const torch::Tensor normalized = spectral_normalized(weight, u0, true),
                        expected = at(fmt::format("power.normalised{}", i));
    expect_near(normalized, expected, expected.abs().max().item<double>(), fmt::format("iteration {}", i));
    expect_near(u0, at(fmt::format("power.u{}", i + 1)), 1, fmt::format("vector {}", i));
  }
  fmt::print("power iterations: largest relative difference {:.1e}\n", largest_);
}

INSTANTIATE_TEST_SUITE_P(Devices, BigGanStep, ::testing::ValuesIn(devices()), device_of);

}  // namespace
}  // namespace dgl::test
