#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/families/import.h"
#include "dgl/formats/checkpoint.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kNvidiaFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/stylegan2";
const fs::path kNetworkPkl = kNvidiaFiles / "ada16-network.pkl";

TensorFile tensors_of(const Network& network) {
  TensorFile file;
  put_module(file, "", network);
  return file;
}

void expect_same_networks(const Network& a, const Network& b) {
  EXPECT_EQ(a.settings(), b.settings());
  const TensorFile left = tensors_of(a), right = tensors_of(b);
  ASSERT_EQ(left.tensors.size(), right.tensors.size());
  for (const auto& [name, tensor] : left.tensors) EXPECT_TRUE(tensor.equal(right.at(name, "right"))) << name;
}

// The networks of ada16.pt as NVIDIA's training pickles them (tests/golden/README.md), with a source that would end the
// process.
TEST(NvidiaPickle, IsTheSameModelAsItsStateDicts) {
  torch::NoGradGuard no_grad;
  const NetworkSet model = import_model({kNetworkPkl});  // groups of 3 are known from the file
  const NetworkSet plain = import_model({kNvidiaFiles / "ada16.pt"}, {"", 3});
  expect_same_networks(*model.best<Generator>("generator"), *plain.best<Generator>("generator"));
  expect_same_networks(*model.discriminator(), *plain.discriminator());
  const TensorFile golden = load_safetensors(kNvidiaFiles / "ada16.safetensors");
  const torch::Tensor images = model.best<Generator>("generator")->sample({golden.at("z", ""), {}});
  EXPECT_LT(difference(images, golden.at("images", "")), 1e-4);
}

TEST(NvidiaPickle, DamageEndsInTensorsOrAnError) {
  const std::string whole = read_file(kNetworkPkl);
  const auto survives = [](const std::string& file) {
    const std::vector<uint8_t> bytes(file.begin(), file.end());
    try {
      for (const auto& [name, tensor] : parse_checkpoint({bytes.data(), bytes.size(), nullptr}, "x").tensors) {
        tensor.clone();
      }
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return false;
    }
  };
  EXPECT_TRUE(survives(whole));
  for (size_t size = 0; size < whole.size(); size += size < 3000 ? 1 : 61)
    EXPECT_FALSE(survives(whole.substr(0, size)));
  for (size_t at = 0; at < whole.size(); at += 17) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    survives(damaged);
  }
}

TEST(NvidiaPickle, NetworksThatWereMadeOtherwiseAreRefused) {
  const TemporaryFolder folder;
  const TensorFile file = load_checkpoint(kNetworkPkl);
  nlohmann::json arguments = nlohmann::json::parse(file.metadata.at(kNetworkArguments));
  EXPECT_EQ(arguments["D"]["epilogue_kwargs"]["mbstd_group_size"], 3);
  EXPECT_EQ(arguments["G_ema"]["mapping_kwargs"]["num_layers"], 2);
  const auto refused = [&](const nlohmann::json& changed, const std::vector<std::string>& words) {
    save_safetensors(folder / "x", {file.tensors, {{kNetworkArguments, changed.dump()}}});
    expect_error([&] { import_model({folder / "x"}); }, words);
  };
  for (const auto& group : {nlohmann::json(0), nlohmann::json(), nlohmann::json("a"), nlohmann::json(1e9)}) {
    nlohmann::json changed = arguments;
    changed["D"]["epilogue_kwargs"]["mbstd_group_size"] = group;
    refused(changed, {"x: D: made with mbstd_group_size"});
  }
  nlohmann::json changed = arguments;
  changed["G_ema"]["synthesis_kwargs"]["activation"] = "relu";
  refused(changed, {"x: G_ema: made with activation = \"relu\"", "lrelu"});
  changed = arguments;
  changed["G_ema"]["mapping_kwargs"]["lr_multiplier"] = 1.0;
  refused(changed, {"x: G_ema: made with lr_multiplier = 1.0"});
}

TEST(Import, OtherProgramsAreRefusedByName) {
  const TemporaryFolder folder;
  for (const auto& [name, program] :
       std::vector<std::pair<std::string, std::string>>{{"G_ema.synthesis.input.freqs", "StyleGAN3"},
                                                        {"g_ema.to_rgbs.0.iwt.ll", "SWAGAN"},
                                                        {"GAN.G.initial_block", "lucidrains"},
                                                        {"params_ema.style_mlp.1.weight", "BasicSR"},
                                                        {"state_dict.blocks.0.0.conv2d1.weight_orig", "StudioGAN"}}) {
    save_safetensors(folder / "x", {{{name, torch::zeros({2})}}, {}});
    expect_error([&] { import_model({folder / "x"}); }, {"x: networks of", program, "not imported"});
  }
}

// As rosinality's published networks are.
TEST(RosinalityWithoutNoise, NoiseIsOfAFixedSeed) {
  const TemporaryFolder folder;
  const fs::path file = kNvidiaFiles / "rosinality32-train.pt";
  TensorFile checkpoint = load_checkpoint(file);
  std::erase_if(checkpoint.tensors, [](const auto& item) { return item.first.find(".noises.") != std::string::npos; });
  save_safetensors(folder / "550000", checkpoint);
  const NetworkSet whole = import_model({file}), one = import_model({folder / "550000"}),
                   two = import_model({folder / "550000"});
  expect_same_networks(*one.best<Generator>("generator"), *two.best<Generator>("generator"));
  const TensorFile had = tensors_of(*whole.best<Generator>("generator")),
                   has = tensors_of(*one.best<Generator>("generator"));
  size_t noises = 0;
  for (const auto& [name, tensor] : had.tensors) {
    const torch::Tensor now = has.at(name, "one");
    EXPECT_EQ(now.sizes(), tensor.sizes()) << name;
    if (name.ends_with("noise_const")) {
      ++noises;
      EXPECT_GT(now.std().item<double>(), 0.5) << name;
      EXPECT_LT(now.std().item<double>(), 1.5) << name;
    } else {
      EXPECT_TRUE(now.equal(tensor)) << name;
    }
  }
  EXPECT_EQ(noises, 7u);
  const auto lines = one.info["imported"]["made_up"].get<std::vector<std::string>>();
  EXPECT_NE(lines.back().find("no noises.*; noise of a fixed seed"), std::string::npos) << lines.back();
  // Some of them missing is another thing.
  checkpoint = load_checkpoint(file);
  checkpoint.tensors.erase("g_ema.noises.noise_3");
  save_safetensors(folder / "some", checkpoint);
  expect_error([&] { import_model({folder / "some"}); }, {"some", "missing: g_ema.noises.noise_3"});
}

}  // namespace
}  // namespace dgl::test
