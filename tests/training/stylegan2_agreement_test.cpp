#include "devices.h"
#include "dgl/base/torch.h"
#include "dgl/families/import.h"
#include "dgl/families/stylegan2/networks.h"
#include "dgl/families/stylegan2/tensor_names.h"
#include "dgl/guidance/guidance.h"
#include "dgl/losses/regularizers.h"
#include "dgl/optim/adam.h"
#include "dgl/optim/ema.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kGolden = fs::path(DGL_SOURCE_DIR) / "tests/golden/stylegan2";

/// One training step on given latents, images and noise, beside what stylegan2-ada-pytorch computes on the same
/// (tests/golden/README.md): the networks of ada16.pt, a teacher, losses and gradients.
class Step : public ::testing::TestWithParam<std::string> {
 protected:
  Step() {
    const NetworkSet model = import_model({kGolden / "ada16.pt"}, {"", 3});
    generator_ = model.best<StyleGan2Generator>("generator");
    discriminator_ = model.network<StyleGan2Discriminator>("discriminator");
    generator_->to(device_);
    discriminator_->to(device_);
  }
  torch::Tensor at(const std::string& name) const { return golden_.at(name, "golden").to(device_); }

  void expect_loss(const torch::Tensor& loss, const std::string& name) const {
    const double expected = at("loss." + name).item<double>();
    EXPECT_NEAR(loss.item<double>(), expected, 1e-4 * std::abs(expected)) << name;
  }

  /// Compares every parameter's gradient, where none stands for zero, and resets it.
  void expect_gradients(torch::nn::Module& network, bool generator, const std::string& phase) const {
    const NetworkLayout layout{generator, 16};
    double largest = 0;
    for (const auto& item : network.named_parameters()) {
      const torch::Tensor expected = at("grad." + phase + "." + foreign_name(TensorNaming::ada, layout, item.key()));
      torch::Tensor& gradient = item.value().mutable_grad();
      const torch::Tensor actual = gradient.defined() ? gradient : torch::zeros_like(item.value());
      const double scale = std::max(expected.abs().max().item<double>(), 1e-6);
      const double difference = (actual - expected).abs().max().item<double>() / scale;
      EXPECT_LT(difference, 1e-4) << phase << " " << item.key();
      largest = std::max(largest, difference);
      gradient.reset();
    }
    fmt::print("{} on {}: largest relative difference of a gradient {:.1e}\n", phase, GetParam(), largest);
  }

  torch::Tensor styles() {
    return generator_->mapping().forward(at("z"), {}).unsqueeze(1).expand({-1, generator_->num_ws(), -1});
  }

  const torch::Device device_{GetParam()};
  const TensorFile golden_ = load_safetensors(kGolden / "ada16-step.safetensors");
  std::shared_ptr<StyleGan2Generator> generator_;
  std::shared_ptr<StyleGan2Discriminator> discriminator_;
  Workers workers{2};
};

TEST_P(Step, GeneratorWithGuidance) {
  TensorFile teacher;
  for (const auto& [name, tensor] : golden_.tensors) {
    if (name.rfind("teacher.", 0) == 0) teacher.tensors[name.substr(8)] = tensor;
  }
  const auto discriminator =
      std::make_shared<StyleGan2Discriminator>(stylegan2_discriminator_shape(teacher.tensors, 3, "teacher"));
  get_module(teacher, "", *discriminator, "teacher");
  discriminator->to(device_);
  Guidance guidance;
  const auto adversarial = make_adversarial_loss("logistic", "test");
  guidance.add(
      {.name = "teacher", .discriminator = discriminator, .loss = adversarial, .lambda = constant_schedule(0.1)},
      {{3, 16, 16}});
  set_requires_grad(*discriminator_, false);
  const torch::Tensor fake = generator_->synthesize(styles());
  const torch::Tensor loss = adversarial->generator(discriminator_->forward(fake, {}, 1)).mean();
  const torch::Tensor term = guidance.evaluate({fake}).loss;
  expect_loss(loss, "g_main");
  expect_loss(term, "g_guidance");
  (loss + term).backward();
  expect_gradients(*generator_, true, "g_main");
}

TEST_P(Step, PathLength) {
  const torch::Tensor ws = styles();
  const torch::Tensor fake = generator_->synthesize(ws);
  const PathLength path = path_length_penalty(fake, ws, at("pl_noise"), torch::tensor(0.3f, device_), 0.01);
  EXPECT_NEAR(path.mean.item<double>(), at("pl_mean").item<double>(), 1e-5);
  const torch::Tensor loss = path.penalty * 2;
  expect_loss(loss, "g_reg");
  (loss * 4).backward();
  expect_gradients(*generator_, true, "g_reg");
}

TEST_P(Step, Discriminator) {
  torch::Tensor fake;
  {
    torch::NoGradGuard no_grad;
    fake = generator_->synthesize(styles());
  }
  const auto adversarial = make_adversarial_loss("logistic", "test");
  const torch::Tensor both = discriminator_->forward(at::cat({at("real"), fake}), {}, 2);
  const torch::Tensor loss = adversarial->discriminator_real(both.slice(0, 0, 6)).mean() +
                             adversarial->discriminator_fake(both.slice(0, 6)).mean();
  expect_loss(loss, "d_main");
  loss.backward();
  expect_gradients(*discriminator_, false, "d_main");

  const torch::Tensor real = at("real").clone().set_requires_grad(true);
  const torch::Tensor penalty = r1_penalty(discriminator_->forward(real, {}, 1), real) * (10.0 / 2);
  expect_loss(penalty, "d_reg");
  (penalty * 16).backward();
  expect_gradients(*discriminator_, false, "d_reg");
}

TEST_P(Step, AdamWithLazyCorrection) {
  Adam adam(*discriminator_, AdamOptions{0.002, 0, 0.99, 1e-8}.corrected_for(16));
  for (const char* phase : {"d_main", "d_reg", "d_main", "d_reg"}) {
    for (auto& item : discriminator_->named_parameters()) {
      item.value().mutable_grad() = at(std::string("grad.") + phase + "." + item.key()).clone();
    }
    adam.step(workers);
  }
  for (const auto& item : discriminator_->named_parameters()) {
    const torch::Tensor expected = at("adam." + item.key());
    EXPECT_LT((item.value() - expected).abs().max().item<double>(),
              1e-6 * std::max(1.0, expected.abs().max().item<double>()))
        << item.key();
  }
}

TEST_P(Step, Average) {
  const NetworkSet other = import_model({kGolden / "ada16.pt"});
  Network& average = *other.best("generator");
  torch::NoGradGuard no_grad;
  average.to(device_);
  for (auto& p : average.parameters()) p += 0.5;
  update_ema(*generator_, average, ema_beta(32, 10000, 0, 0), workers);
  const NetworkLayout layout{true, 16};
  for (const auto& item : average.named_parameters()) {
    const torch::Tensor expected = at("ema." + foreign_name(TensorNaming::ada, layout, item.key()));
    EXPECT_LT((item.value() - expected).abs().max().item<double>(),
              1e-6 * std::max(1.0, expected.abs().max().item<double>()))
        << item.key();
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, Step, ::testing::ValuesIn(devices()), device_of);

}  // namespace
}  // namespace dgl::test
