#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/families/diffusion/objective.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/diffusion/song_denoiser.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/model_settings.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/nn/inherit.h"
#include "families/denoisers.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kEdmFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/diffusion";

NetworkSet imported_edm(const std::string& name) {
  return import_model({kEdmFiles / (name == "edm-ddpmpp" ? name + ".pkl" : name + ".pt")});
}

// Networks of NVlabs/edm, one with labels as its training pickles it and one without as a state dict, and what that
// program makes of them (tests/golden/README.md).
class EdmAgreement : public ::testing::TestWithParam<const char*> {
 protected:
  EdmAgreement()
      : network_(imported_edm(GetParam()).best<SongDenoiser>("denoiser")),
        expected_(load_safetensors(kEdmFiles / (std::string(GetParam()) + ".safetensors"))) {}
  Tensor expected(const std::string& name) const { return expected_.at(name, "golden"); }
  Tensor labels() const { return expected_.contains("labels") ? expected("labels") : Tensor(); }

  std::shared_ptr<SongDenoiser> network_;
  TensorFile expected_;
};

TEST_P(EdmAgreement, TheNetworkAndItsDenoiserAtThreeNoiseLevels) {
  const torch::NoGradGuard no_grad;
  for (const bool reference : {false, true}) {
    network_->set_reference(reference);
    EXPECT_LT(difference(network_->forward(expected("scaled"), expected("times"), labels()), expected("output")), 1e-5);
    const Denoised made = network_->denoise(expected("x"), expected("sigma"), labels());
    EXPECT_LT(difference(made.output, expected("output")), 1e-5);
    EXPECT_LT(difference(made.images, expected("denoised")), 1e-5);
  }
}

TEST_P(EdmAgreement, ItsSamplerOfSecondOrder) {
  const torch::NoGradGuard no_grad;
  const Solver solver{"heun", 5, "karras"};
  const Tensor images = DiffusionSampler(with_settings(*network_, Precondition::edm, solver))
                            .sample({.latents = expected("z"), .labels = labels(), .images = {}});
  EXPECT_LT(difference(images, expected("heun")), 1e-4);
}

TEST_P(EdmAgreement, ItsLossAndAllGradients) {
  for (const bool reference : {false, true}) {
    network_->set_reference(reference);
    network_->zero_grad();
    set_requires_grad(*network_, true);
    const Denoising made =
        denoising_loss(*network_, {expected("images"), labels()}, {expected("loss_sigma"), expected("noise")});
    EXPECT_LT(difference(made.loss.detach(), expected("loss")), 1e-5);
    made.loss.backward();
    double largest = 0;
    for (const auto& [name, tensor] : expected_.with_prefix("norm.")) {
      largest = std::max(largest, tensor.item<double>());
    }
    size_t whole = 0;
    for (const auto& item : network_->named_parameters()) {
      const Tensor norm = expected("norm." + item.key()), gradient = item.value().grad();
      // Biases in front of norms of few channels have hardly a gradient but rounding.
      const double bound = 1e-4 * (norm.item<double>() + 1e-3 * largest);
      EXPECT_LT((gradient.norm() - norm).abs().item<double>(), bound) << item.key();
      if (!expected_.contains("gradient." + item.key())) continue;
      EXPECT_LT((gradient - expected("gradient." + item.key())).norm().item<double>(), bound) << item.key();
      ++whole;
    }
    EXPECT_EQ(expected_.with_prefix("norm.").size(), network_->parameters().size());
    EXPECT_GT(whole, 60u);
    EXPECT_TRUE(expected_.contains("gradient.enc.8x8_conv.weight"));
    EXPECT_TRUE(expected_.contains("gradient.dec.8x8_aux_conv.weight"));
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, EdmAgreement, ::testing::Values("edm-ddpmpp", "edm-ncsnpp"));

TEST(EdmImport, ReadsShapesFromTensorsAndSaysWhatItLeavesOut) {
  const NetworkSet labeled = imported_edm("edm-ddpmpp"), plain = imported_edm("edm-ncsnpp");
  const auto& slot = labeled.at("denoiser", "m");
  EXPECT_TRUE(slot.average && !slot.network);
  const SongShape& ddpm = labeled.best<SongDenoiser>("denoiser")->shape();
  EXPECT_EQ(ddpm.architecture->name, "ddpm++");
  EXPECT_EQ(ddpm.resolution, 8);
  EXPECT_EQ(ddpm.img_channels, 3);
  EXPECT_EQ(ddpm.classes, 4);
  EXPECT_EQ(ddpm.channels, (std::vector<int64_t>{8, 16}));
  EXPECT_EQ(ddpm.attention, std::vector<int64_t>{1});
  EXPECT_EQ(ddpm.blocks, 1);
  const SongShape& ncsn = plain.best<SongDenoiser>("denoiser")->shape();
  EXPECT_EQ(ncsn.architecture->name, "ncsn++");
  EXPECT_EQ(ncsn.channels, (std::vector<int64_t>{8, 8, 16}));
  EXPECT_EQ(ncsn.classes, 0);
  for (const SongShape* shape : {&ddpm, &ncsn}) {
    EXPECT_EQ(shape->precondition, Precondition::edm);
    EXPECT_EQ(shape->solver.name, "heun");
    EXPECT_EQ(shape->solver.steps, 18);
  }
  const auto made_up = [](const NetworkSet& model) { return model.info["imported"]["made_up"].dump(); };
  EXPECT_NE(made_up(labeled).find("ema.model.map_augment.weight is left out"), std::string::npos) << made_up(labeled);
  EXPECT_EQ(made_up(labeled).find("EDMPrecond"), std::string::npos);
  EXPECT_NE(made_up(plain).find("EDMPrecond with sigma_data = 0.5 is taken"), std::string::npos) << made_up(plain);
}

// So that a student of half the width starts from an imported network without a recipe that describes it.
TEST(EdmImport, ARecipeCanSayItsNetworks) {
  const torch::NoGradGuard no_grad;
  for (const char* name : {"edm-ddpmpp", "edm-ncsnpp"}) {
    const NetworkSet model = imported_edm(name);
    const auto teacher = model.best<SongDenoiser>("denoiser");
    const Family& family = family_of(model, name);
    const auto settings = settings_of_model(family, model, name);
    EXPECT_EQ(family.shape(*settings, {}, "denoiser"), teacher->settings());
    const nlohmann::json half = family.shape(*settings, {.generator = {1, 2}, .discriminator = {}}, "denoiser");
    const auto student = family.make_network("denoiser", half, name, 1 << 20);
    inherit_weights(*teacher, *student, "strided", name);
    const auto first = [](const Network& network) { return network.named_parameters()["enc.8x8_conv.weight"]; };
    EXPECT_TRUE(first(*student).equal(first(*teacher).index_select(0, torch::tensor({0, 2, 4, 6}))));
  }
}

TEST(EdmImport, RoundTripsAreExactWithAndWithoutThePrefix) {
  const TemporaryFolder folder;
  for (const char* name : {"edm-ddpmpp", "edm-ncsnpp"}) {
    const NetworkSet model = imported_edm(name);
    const auto before = model.best<SongDenoiser>("denoiser");
    const TensorFile written = find_checkpoint_format("edm", "--to")->export_model(model, "m");
    EXPECT_TRUE(written.contains("model.enc.4x4_down.skip.resample_filter"));
    for (const TensorFile& file : {written, TensorFile{written.with_prefix("model."), {}}}) {
      save_safetensors(folder / "x.safetensors", file);
      const auto after = import_model({folder / "x.safetensors"}).network<SongDenoiser>("denoiser");
      ASSERT_TRUE(after);
      EXPECT_EQ(after->settings(), before->settings());
      for (const auto& item : before->named_parameters()) {
        EXPECT_TRUE(item.value().equal(after->named_parameters()[item.key()])) << item.key();
      }
    }
  }
  // What the program stores, it stores again.
  const TensorFile original = load_checkpoint(kEdmFiles / "edm-ncsnpp.pt");
  const TensorFile written = find_checkpoint_format("edm", "--to")->export_model(imported_edm("edm-ncsnpp"), "m");
  ASSERT_EQ(written.tensors.size(), original.tensors.size());
  for (const auto& [name, tensor] : original.tensors) {
    EXPECT_TRUE(written.at(name, "written").equal(tensor.to(torch::kFloat))) << name;
  }
}

TEST(EdmImport, RefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  const auto refused = [&](const TensorFile& file, const std::vector<std::string>& words) {
    save_safetensors(folder / "x.safetensors", file);
    expect_error([&] { import_model({folder / "x.safetensors"}); }, words);
  };
  const TensorFile plain = load_checkpoint(kEdmFiles / "edm-ncsnpp.pt");
  const auto changed = [&](const std::function<void(NamedTensors&)>& change) {
    TensorFile file = plain;
    change(file.tensors);
    return file;
  };
  refused(changed([](NamedTensors& t) { t.erase("model.dec.2x2_in0.qkv.bias"); }),
          {"x.safetensors", "missing: model.dec.2x2_in0.qkv.bias"});
  refused(changed([](NamedTensors& t) { t.emplace("model.dec.4x4_aux_norm.weight", torch::zeros({8})); }),
          {"x.safetensors", "unknown: model.dec.4x4_aux_norm.weight"});
  refused(changed([](NamedTensors& t) { t.emplace("model.out_norm.weight", torch::zeros({8})); }),
          {"x.safetensors", "DhariwalUNet (ADM)", "expected a SongUNet"});
  refused(changed([](NamedTensors& t) { t.emplace("u", torch::zeros({8})); }), {"x.safetensors", "iDDPMPrecond"});
  refused(changed([](NamedTensors& t) { t.erase("model.map_noise.freqs"); }),
          {"x.safetensors", "the positional embedding", "the residual encoder", "NCSN++ (fourier, residual)"});
  refused(changed([](NamedTensors& t) {
            t["model.enc.4x4_down.skip.resample_filter"] = torch::ones({1, 1, 4, 4});
          }),
          {"x.safetensors", "model.enc.4x4_down.skip.resample_filter", "4 x 4 numbers of ncsn++"});
  refused(changed([](NamedTensors& t) {
            t["model.map_layer0.weight"] = torch::ones({32, 8});
          }),
          {"x.safetensors", "map_layer0.weight", "32, 16"});
  refused(changed([](NamedTensors& t) { t.erase("model.enc.8x8_conv.weight"); }),
          {"x.safetensors", "without enc.RxR_conv.weight"});
  // The class and the arguments that a pickle says.
  const TensorFile pickled = load_checkpoint(kEdmFiles / "edm-ddpmpp.pkl");
  const nlohmann::json arguments = nlohmann::json::parse(pickled.metadata.at(kNetworkArguments));
  EXPECT_EQ(arguments["ema"][kClassArgument], "EDMPrecond");
  EXPECT_EQ(arguments["ema"]["model_type"], "SongUNet");
  const auto made_with = [&](const char* key, const nlohmann::json& value, const std::vector<std::string>& words) {
    nlohmann::json other = arguments;
    other["ema"][key] = value;
    refused({pickled.tensors, {{kNetworkArguments, other.dump()}}}, words);
  };
  for (const char* name : {"VPPrecond", "VEPrecond", "iDDPMPrecond"}) {
    made_with(kClassArgument, name, {"x.safetensors", name, "expected a SongUNet in an EDMPrecond"});
  }
  made_with("sigma_data", 1, {"x.safetensors", "sigma_data = 1", "0.5"});
  // Networks that the format cannot hold.
  NetworkSet ddpm;
  DenoiserSettings settings;
  settings.resolution = 8;
  settings.channels = 8;
  settings.multiples = {1};
  ddpm.add({.name = "denoiser", .network = std::make_shared<DdpmDenoiser>(DdpmShape::make(settings, {}))});
  expect_error([&] { find_checkpoint_format("edm", "--to")->export_model(ddpm, "m"); }, {"m", "ddpm++ or ncsn++"});
  expect_error([&] { find_checkpoint_format("ddpm", "--to")->export_model(imported_edm("edm-ncsnpp"), "m"); },
               {"m", "ddpm"});
}

TEST(EdmImport, DamageEndsInTensorsOrAnError) {
  const std::string whole = read_file(kEdmFiles / "edm-ddpmpp.pkl");
  const auto read = [](const std::string& file) {
    const std::vector<uint8_t> bytes(file.begin(), file.end());
    try {
      return !parse_checkpoint({bytes.data(), bytes.size(), nullptr}, "x").tensors.empty();
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return false;
    }
  };
  EXPECT_TRUE(read(whole));
  for (size_t size = 0; size < whole.size(); size += 997) EXPECT_FALSE(read(whole.substr(0, size)));
  for (size_t at = 0; at < whole.size(); at += 499) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    read(damaged);
  }
}

}  // namespace
}  // namespace dgl::test
