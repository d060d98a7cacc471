#include "cli/program_test_case.h"
#include "dgl/base/torch.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

const std::string kDdim = std::string(DGL_SOURCE_DIR) + "/tests/golden/diffusion/ddim";

/// A small network of ermongroup/ddim, imported as m.safetensors.
class DiffusionProgram : public ProgramTest {
 protected:
  DiffusionProgram() {
    expect_done({"import", kDdim + ".ckpt", "--resolution", "8", "--out", "m.safetensors"});
    save_safetensors(folder_ / "z.safetensors", {{{"z", golden("z")}}, {}});
  }
  static torch::Tensor golden(const std::string& name) {
    return load_safetensors(kDdim + ".safetensors").at(name, "golden");
  }
  /// The tensor in a file relative to the reference's.
  double difference(const std::string& file, const std::string& name, const torch::Tensor& expected) const {
    const torch::Tensor made = load_safetensors(folder_ / file).at(name, file);
    return ((made - expected).abs().max() / expected.abs().max()).item<double>();
  }
  Words sample(const Words& more) const {
    Words words{"sample", "--model", "m.safetensors", "--latents", "z.safetensors", "--overwrite", "--out"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
};

TEST_F(DiffusionProgram, SamplesInAsManyStepsAsAsked) {
  expect_done(sample({"i.safetensors", "--steps", "10"}));
  EXPECT_LT(difference("i.safetensors", "images", golden("ddim_uniform")), 1e-4);
  expect_done(sample({"r.safetensors", "--steps", "2", "--sampler", "renoise"}));
  EXPECT_GT(difference("r.safetensors", "images", golden("ddim_uniform")), 1e-2);
  expect_done({"sample", "--model", "m.safetensors", "-n", "4", "--steps", "2", "--out", "grid.png"});
}

TEST_F(DiffusionProgram, AppliesAndExportsItsDenoiser) {
  save_safetensors(folder_ / "x.safetensors", {{{"images", golden("x")}, {"t", golden("t")}}, {}});
  expect_done({"apply", "--model", "m.safetensors", "--network", "denoiser", "--inputs", "x.safetensors", "--out",
               "y.safetensors"});
  EXPECT_LT(difference("y.safetensors", "output", golden("output")), 1e-5);
  expect_done({"export", "--model", "m.safetensors", "--network", "denoiser", "--out", "d.onnx"});
  expect_done({"export", "--model", "m.safetensors", "--steps", "4", "--sampler", "renoise", "--out", "s.onnx"});
  expect_done({"profile", "--model", "m.safetensors"});
  // Back to the programs' names, and from there again.
  for (const std::string format : {"ddpm", "diffusers"}) {
    expect_done({"export", "--model", "m.safetensors", "--to", format, "--out", format + ".safetensors"});
    expect_done({"import", format + ".safetensors", "--resolution", "8", "--out", format});
    expect_done({"apply", "--model", format, "--network", "denoiser", "--inputs", "x.safetensors", "--out",
                 format + "-y.safetensors"});
    EXPECT_EQ(
        difference(format + "-y.safetensors", "output", load_safetensors(folder_ / "y.safetensors").at("output", "y")),
        0);
  }
}

// A folder as diffusers reads and writes one: what its tensors do not tell is in config.json.
TEST_F(DiffusionProgram, AFolderOfDiffusers) {
  expect_done({"export", "--model", "m.safetensors", "--to", "diffusers", "--out", "unet"});
  auto settings = nlohmann::json::parse(read_file(folder_ / "unet/config.json"));
  const nlohmann::json expected = nlohmann::json::parse(R"({
      "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": null, "block_out_channels": [32, 64],
      "center_input_sample": false, "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "downsample_padding": 0,
      "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3, "layers_per_block": 1, "mid_block_scale_factor": 1,
      "norm_eps": 1e-6, "norm_num_groups": 32, "out_channels": 3, "sample_size": 8, "time_embedding_type": "positional",
      "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]})");
  EXPECT_EQ(settings, expected) << settings.dump(1);
  expect_done({"import", "unet", "--out", "again"});
  const auto before = load_safetensors(folder_ / "m.safetensors"), after = load_safetensors(folder_ / "again");
  for (const auto& [name, tensor] : before.with_prefix("denoiser_ema."))
    EXPECT_TRUE(after.at("denoiser." + name, "again").equal(tensor)) << name;
  const auto refused = [&](const char* key, const nlohmann::json& value, const Words& says) {
    nlohmann::json other = settings;
    other[key] = value;
    folder_.put("unet/config.json", other.dump());
    expect_refused({"import", "unet", "--out", "out"}, says);
  };
  refused("attention_head_dim", 8, {"config.json", "attention_head_dim = 8", "expected null"});
  refused("norm_eps", 1e-5, {"norm_eps = 1e-05", "1e-06"});
  refused("norm_num_groups", 0, {"norm_num_groups = 0", "1 to 65536"});
  refused("sample_size", "large", {"sample_size = \"large\""});
  settings.erase("freq_shift");  // diffusers then takes 0
  refused("norm_num_groups", 32, {"freq_shift = 0", "expected 1"});
  folder_.put("unet/config.json", "{");
  expect_refused({"import", "unet", "--out", "out"}, {"unet/config.json"});
  fs::create_directory(folder_ / "empty");
  expect_refused({"import", "empty", "--out", "out"}, {"empty", "diffusion_pytorch_model.safetensors"});
}

TEST_F(DiffusionProgram, RefusesWhatItCannotDo) {
  expect_refused(sample({"out", "--steps", "0"}), {"m.safetensors", "steps = 0", "1 to 1000"});
  expect_refused(sample({"out", "--steps", "-3"}), {"m.safetensors", "steps = -3"});
  expect_refused(sample({"out", "--sampler", "dpm"}),
                 {"m.safetensors", "sampler = \"dpm\"", "heun or euler or renoise"});
  expect_refused(sample({"out", "--psi", "0.7"}), {"--psi 0.7", "diffusion"});
  expect_refused({"export", "--model", "m.safetensors", "--out", "out"}, {"--out out"});
  expect_refused({"export", "--model", "m.safetensors", "--out", "out.onnx"}, {"50 steps", "at most 8"});
  expect_refused({"import", kDdim + ".ckpt", "--out", "out"}, {"ddim.ckpt", "2 levels", "--resolution"});
  expect_refused({"import", kDdim + ".ckpt", "--resolution", "31", "--out", "out"},
                 {"resolution = 31", "multiple of 2"});
  save_safetensors(folder_ / "x.safetensors", {{{"x", golden("x")}, {"sigma", -golden("sigma")}}, {}});
  expect_refused(
      {"apply", "--model", "m.safetensors", "--network", "denoiser", "--inputs", "x.safetensors", "--out", "out"},
      {"x.safetensors", "tensor sigma", "above 0"});
  // A model that has no steps.
  const std::string teacher = std::string(DGL_SOURCE_DIR) + "/assets/mnist32-teacher.safetensors";
  expect_refused({"sample", "--model", teacher, "--steps", "3", "--out", "out"},
                 {"mnist32-teacher", "--steps", "diffusion"});
  folder_.put("r.toml", "family = 'diffusion'\n[network]\nsampler = 'dpm'\n");
  expect_refused({"profile", "--recipe", "r.toml"}, {"r.toml", "network.sampler", "heun"});
  folder_.put("r.toml", "family = 'diffusion'\n[network]\nsteps = 0\n");
  expect_refused({"profile", "--recipe", "r.toml"}, {"r.toml", "network.steps", "1 to 1000"});
  folder_.put("r.toml", "family = 'diffusion'\n[training]\nsigma_std = -1\n");
  expect_refused({"profile", "--recipe", "r.toml"}, {"r.toml", "training.sigma_std", "0 to 10"});
}

/// Networks of NVlabs/edm, with labels as its training pickles one and without as a state dict.
class EdmProgram : public ProgramTest {
 protected:
  static std::string file(const std::string& name) {
    return std::string(DGL_SOURCE_DIR) + "/tests/golden/diffusion/" + name;
  }
  static TensorFile golden(const std::string& name) { return load_safetensors(file(name + ".safetensors")); }
};

TEST_F(EdmProgram, ImportsSamplesAndExports) {
  for (const auto& [name, end] : {std::pair<std::string, std::string>{"edm-ddpmpp", ".pkl"}, {"edm-ncsnpp", ".pt"}}) {
    const TensorFile expected = golden(name);
    const std::string said = expect_done({"import", file(name + end), "--out", "m.safetensors"}).out;
    EXPECT_NE(said.find(end == ".pkl" ? "ema.model.map_augment.weight is left out" : "EDMPrecond"), std::string::npos)
        << said;
    TensorFile latents{{{"z", expected.at("z", name)}}, {}};
    if (expected.contains("labels")) latents.tensors.emplace("labels", expected.at("labels", name));
    save_safetensors(folder_ / "z.safetensors", latents);
    expect_done({"sample", "--model", "m.safetensors", "--latents", "z.safetensors", "--sampler", "heun", "--steps",
                 "5", "--out", "i.safetensors", "--overwrite"});
    const torch::Tensor images = load_safetensors(folder_ / "i.safetensors").at("images", "i"),
                        heun = expected.at("heun", name);
    EXPECT_LT((images - heun).abs().max().item<double>(), 1e-4 * heun.abs().max().item<double>()) << name;
    expect_done({"sample", "--model", "m.safetensors", "-n", "4", "--sampler", "heun", "--steps", "18", "--out",
                 "grid.png", "--overwrite"});
    expect_done({"profile", "--model", "m.safetensors"});
    expect_done({"export", "--model", "m.safetensors", "--to", "edm", "--out", "back.safetensors"});
    expect_done({"import", "back.safetensors", "--out", "again.safetensors"});
    const TensorFile before = load_safetensors(folder_ / "m.safetensors"),
                     after = load_safetensors(folder_ / "again.safetensors");
    const std::string slot = end == ".pkl" ? "denoiser_ema." : "denoiser.";
    ASSERT_FALSE(before.with_prefix(slot).empty());
    for (const auto& [tensor, value] : before.with_prefix(slot)) {
      EXPECT_TRUE(after.at("denoiser." + tensor, "again").equal(value)) << tensor;
    }
    for (const char* out : {"m.safetensors", "back.safetensors", "again.safetensors"}) fs::remove(folder_ / out);
  }
}

TEST_F(EdmProgram, RefusesOtherNetworksInOneLine) {
  TensorFile plain = load_checkpoint(file("edm-ncsnpp.pt"));
  plain.tensors.emplace("model.out_norm.weight", torch::ones({8}));
  save_safetensors(folder_ / "adm.safetensors", plain);
  expect_refused({"import", "adm.safetensors", "--out", "out"}, {"adm.safetensors", "DhariwalUNet (ADM)"});
  plain.tensors.erase("model.out_norm.weight");
  plain.tensors.erase("model.enc.8x8_block0.affine.bias");
  save_safetensors(folder_ / "less.safetensors", plain);
  expect_refused({"import", "less.safetensors", "--out", "out"},
                 {"less.safetensors", "missing: model.enc.8x8_block0.affine.bias"});
  folder_.put("r.toml", "family = 'diffusion'\n[network]\narchitecture = 'adm'\n");
  expect_refused({"profile", "--recipe", "r.toml"}, {"r.toml", "network.architecture", "ncsn++"});
}

}  // namespace
}  // namespace dgl::test
