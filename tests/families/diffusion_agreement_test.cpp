#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/families/diffusion/objective.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/safetensors.h"
#include "families/denoisers.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kDiffusionFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/diffusion";

NetworkSet imported_ddim() { return import_model({kDiffusionFiles / "ddim.ckpt"}, {.from = {}, .resolution = 8}); }

// A network of ermongroup/ddim in a checkpoint of its training, and what that program and NVlabs/edm make of it
// (tests/golden/README.md).
class DiffusionAgreement : public ::testing::Test {
 protected:
  DiffusionAgreement()
      : network_(imported_ddim().best<DdpmDenoiser>("denoiser")),
        expected_(load_safetensors(kDiffusionFiles / "ddim.safetensors")) {}
  Tensor expected(const std::string& name) const { return expected_.at(name, "golden"); }
  Tensor drawn(Precondition precondition, const Solver& solver) const {
    const torch::NoGradGuard no_grad;
    return DiffusionSampler(with_settings(*network_, precondition, solver)).sample({expected("z"), {}, {}});
  }

  std::shared_ptr<DdpmDenoiser> network_;
  TensorFile expected_;
};

TEST_F(DiffusionAgreement, TheNetworkAtThreeTimes) {
  const torch::NoGradGuard no_grad;
  for (const bool reference : {false, true}) {
    network_->set_reference(reference);
    EXPECT_LT(difference(network_->forward(expected("x"), expected("t"), {}), expected("output")), 1e-5);
  }
}

TEST_F(DiffusionAgreement, DdimWithUniformAndQuadraticTimes) {
  for (const char* grid : {"uniform", "quad"}) {
    const Tensor images = drawn(Precondition::eps, {"euler", 10, grid});
    EXPECT_LT(difference(images, expected(std::string("ddim_") + grid)), 1e-4) << grid;
  }
}

TEST_F(DiffusionAgreement, TheLossOfDdpm) {
  const Tensor times = expected("eps_times").to(torch::kLong);
  const Tensor sigma = torch::tensor(ddpm_noise_levels(), torch::kFloat).index_select(0, times);
  const Denoising made = denoising_loss(*network_, {expected("images"), {}}, {sigma, expected("noise")});
  EXPECT_LT(difference(made.loss.detach(), expected("eps_loss")), 1e-5);
}

TEST_F(DiffusionAgreement, PreconditioningLossAndGradientsOfEdm) {
  const auto edm = with_settings(*network_, Precondition::edm, {});
  const Tensor sigma = expected("sigma"), noise = expected("noise"), images = expected("images");
  for (const bool reference : {false, true}) {
    edm->set_reference(reference);
    edm->zero_grad();
    const Denoising made = denoising_loss(*edm, {images, {}}, {sigma, noise});
    EXPECT_LT(difference(made.images.detach(), expected("denoised")), 1e-5);
    EXPECT_LT(difference(made.loss.detach(), expected("edm_loss")), 1e-5);
    made.loss.backward();
    size_t whole = 0;
    double largest = 0;
    for (const auto& [name, tensor] : expected_.with_prefix("norm."))
      largest = std::max(largest, tensor.item<double>());
    for (const auto& item : edm->named_parameters()) {
      const Tensor norm = expected("norm." + item.key()), gradient = item.value().grad();
      // A bias of keys has no gradient but rounding.
      const double bound = 1e-4 * (norm.item<double>() + 1e-3 * largest);
      EXPECT_LT((gradient.norm() - norm).abs().item<double>(), bound) << item.key();
      if (!expected_.contains("gradient." + item.key())) continue;
      EXPECT_LT((gradient - expected("gradient." + item.key())).norm().item<double>(), bound) << item.key();
      ++whole;
    }
    EXPECT_EQ(expected_.with_prefix("norm.").size(), edm->parameters().size());
    EXPECT_GT(whole, 40u);
  }
}

TEST_F(DiffusionAgreement, HeunOfEdm) {
  EXPECT_LT(difference(drawn(Precondition::edm, {"heun", 5, "karras"}), expected("heun")), 1e-4);
}

// The list that ddim's training writes holds the network and its average.
TEST(DiffusionImport, ReadsNetworkAndAverageOfATrainingCheckpoint) {
  const NetworkSet model = imported_ddim();
  const auto network = model.network<DdpmDenoiser>("denoiser");
  const NetworkSlot& slot = model.at("denoiser", "model");
  ASSERT_TRUE(slot.average);
  const auto bias = [](const torch::nn::Module& module) { return module.named_parameters()["conv_out.bias"]; };
  EXPECT_TRUE((bias(*slot.network) - bias(*slot.average) - 1).abs().max().item<float>() < 2e-3);
  const DdpmShape& shape = network->shape();
  EXPECT_EQ(shape.channels, (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(shape.attention, (std::vector<int64_t>{1}));
  EXPECT_EQ(shape.precondition, Precondition::eps);
  EXPECT_EQ(family_of(model, "m").name(), "diffusion");
}

/// The tensors of a file under other names.
TensorFile renamed(const TensorFile& file, const std::vector<std::pair<std::string, std::string>>& words) {
  TensorFile made;
  for (const auto& [name, tensor] : file.tensors) {
    std::string other = name;
    for (const auto& [from, to] : words) {
      if (const size_t at = other.find(from); at != std::string::npos) other.replace(at, from.size(), to);
    }
    made.tensors.emplace(other, tensor);
  }
  return made;
}

TEST(DiffusionImport, RoundTripsOfBothFormatsAreExact) {
  const NetworkSet model = imported_ddim();
  const auto before = model.best<DdpmDenoiser>("denoiser");
  const TemporaryFolder folder;
  const auto expect_same = [&](const TensorFile& file) {
    save_safetensors(folder / "x.safetensors", file);
    const NetworkSet again = import_model({folder / "x.safetensors"}, {.from = {}, .resolution = 8});
    const auto after = again.network<DdpmDenoiser>("denoiser");
    ASSERT_TRUE(after);
    EXPECT_EQ(after->settings(), before->settings());
    for (const auto& item : before->named_parameters()) {
      EXPECT_TRUE(item.value().equal(after->named_parameters()[item.key()])) << item.key();
    }
  };
  const TensorFile ddpm = find_checkpoint_format("ddpm", "--to")->export_model(model, "m");
  EXPECT_TRUE(ddpm.contains("up.1.upsample.conv.weight"));
  expect_same(ddpm);
  expect_same(renamed(ddpm, {{".downsample.conv.", ".downsample.op."}}));
  const TensorFile diffusers = find_checkpoint_format("diffusers", "--to")->export_model(model, "m");
  // Names of huggingface/diffusers' UNet2DModel, whose attention has linear maps.
  for (const char* name : {"time_embedding.linear_1.weight", "down_blocks.0.resnets.0.time_emb_proj.weight",
                           "down_blocks.1.resnets.0.conv_shortcut.bias", "down_blocks.1.attentions.0.group_norm.weight",
                           "down_blocks.0.downsamplers.0.conv.weight", "mid_block.attentions.0.to_out.0.bias",
                           "mid_block.resnets.1.norm2.bias", "up_blocks.0.attentions.1.to_q.weight",
                           "up_blocks.0.upsamplers.0.conv.weight", "up_blocks.1.resnets.1.conv2.weight",
                           "conv_norm_out.weight", "conv_in.bias", "conv_out.bias"}) {
    EXPECT_TRUE(diffusers.contains(name)) << name;
  }
  EXPECT_EQ(diffusers.at("mid_block.attentions.0.to_q.weight", "d").dim(), 2);
  EXPECT_TRUE(diffusers.at("up_blocks.0.resnets.0.conv1.weight", "d").equal(ddpm.at("up.1.block.0.conv1.weight", "d")));
  expect_same(diffusers);
  expect_same(renamed(
      diffusers, {{".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}}));
}

TEST(DiffusionImport, RefusesWhatDoesNotFit) {
  const NetworkSet model = imported_ddim();
  const TemporaryFolder folder;
  const auto refused = [&](const TensorFile& file, int64_t resolution, const std::vector<std::string>& words) {
    save_safetensors(folder / "x.safetensors", file);
    expect_error([&] { import_model({folder / "x.safetensors"}, {.from = {}, .resolution = resolution}); }, words);
  };
  TensorFile file = find_checkpoint_format("ddpm", "--to")->export_model(model, "m");
  refused(file, 9, {"x.safetensors", "resolution = 9", "multiple of 2"});
  refused(file, 0, {"x.safetensors", "2 levels", "--resolution"});
  file.tensors.erase("mid.attn_1.q.weight");
  refused(file, 8, {"x.safetensors", "missing: mid.attn_1.q.weight"});
  file = find_checkpoint_format("diffusers", "--to")->export_model(model, "m");
  file.tensors.erase("up_blocks.0.resnets.1.norm1.bias");
  file.tensors.emplace("add_embedding.weight", torch::zeros({2}));
  refused(file, 8, {"x.safetensors", "missing: up_blocks.0.resnets.1.norm1.bias", "unknown: add_embedding.weight"});
  NetworkSet edm;
  edm.add({.name = "denoiser", .network = with_settings(*model.best<DdpmDenoiser>("denoiser"), Precondition::edm, {})});
  for (const char* format : {"ddpm", "diffusers"}) {
    expect_error([&] { find_checkpoint_format(format, "--to")->export_model(edm, "m"); }, {"m", "edm", format, "eps"});
  }
}

}  // namespace
}  // namespace dgl::test
