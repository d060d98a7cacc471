#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/stylegan2/checkpoint_import.h"

#include "devices.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/formats/checkpoint.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kStyleGan2Files = fs::path(DGL_SOURCE_DIR) / "tests/golden/stylegan2";

fs::path checkpoint(const std::string& name) { return kStyleGan2Files / (name + ".pt"); }
TensorFile outputs(const std::string& name) { return load_safetensors(kStyleGan2Files / (name + ".safetensors")); }

/// The same relative to how far `expected` spreads: random discriminators give all images much the same score.
double difference_of_scores(const torch::Tensor& actual, const torch::Tensor& expected) {
  return ((actual - expected).abs().max() / (expected.max() - expected.min())).item<double>();
}

torch::Tensor optional(const TensorFile& file, const std::string& name) {
  return file.contains(name) ? file.at(name, "golden") : torch::Tensor();
}

struct StyleGan2Reference {
  const char* name;
  int64_t group;  // of the minibatch statistics
};

// Random networks, and what the reference implementations make of them (tests/golden/README.md).
class Agreement : public ::testing::TestWithParam<StyleGan2Reference> {
 protected:
  NetworkSet model() const { return import_model({checkpoint(GetParam().name)}, {"", GetParam().group}); }
  TensorFile expected() const { return outputs(GetParam().name); }
};

TEST_P(Agreement, ImagesAndScores) {
  torch::NoGradGuard no_grad;
  const NetworkSet m = model();
  TensorFile file = expected();
  for (const std::string& device : devices()) {
    SCOPED_TRACE(device);
    for (auto& named : file.tensors) named.second = named.second.to(torch::Device(device));
    const auto at = [&](const char* name) { return file.at(name, "golden"); };
    const torch::Tensor labels = optional(file, "labels");
    Generator& generator = *m.best<Generator>("generator");
    Discriminator& discriminator = *m.discriminator();
    generator.to(torch::Device(device));
    discriminator.to(torch::Device(device));
    const double images = difference(generator.sample({at("z"), labels}), at("images"));
    const double scores = difference_of_scores(discriminator.forward(at("real"), labels, 1), at("scores"));
    EXPECT_LT(images, 1e-4);
    EXPECT_LT(scores, 1e-4);
    double truncated = 0;
    if (file.contains("truncated")) {
      truncated = difference(generator.sample({at("z"), labels}, {0.5}), at("truncated"));
      EXPECT_LT(truncated, 1e-4);
    }
    fmt::print("{} on {}: images {:.1e}, truncated {:.1e}, scores {:.1e}\n", GetParam().name, device, images, truncated,
               scores);
  }
}

TEST_P(Agreement, SavedAndLoadedItIsTheSameToTheBit) {
  torch::NoGradGuard no_grad;
  const TemporaryFolder folder;
  const NetworkSet m = model();
  save_model(folder / "m", m);
  const NetworkSet back = load_model(folder / "m");
  const TensorFile file = expected();
  const torch::Tensor z = file.at("z", ""), x = file.at("real", ""), labels = optional(file, "labels");
  EXPECT_TRUE(sampler_of(back, "m")->sample({z, labels}, {0.7}).equal(sampler_of(m, "m")->sample({z, labels}, {0.7})));
  EXPECT_TRUE(back.discriminator()->forward(x, labels, 1).equal(m.discriminator()->forward(x, labels, 1)));
  EXPECT_EQ(sampler_of(back, "m")->network().settings(), sampler_of(m, "m")->network().settings());
  EXPECT_EQ(back.info["imported"]["files"][0], std::string(GetParam().name) + ".pt");
}

TEST_P(Agreement, CountedParametersAreTheImportedOnes) {
  const NetworkSet m = model();
  const auto count = [](const torch::nn::Module& module) {
    int64_t sum = 0;
    for (const auto& p : module.parameters()) sum += p.numel();
    return sum;
  };
  EXPECT_EQ(sampler_of(m, "m")->network().cost().params, count(sampler_of(m, "m")->network()));
  EXPECT_EQ(m.discriminator()->cost().params, count(*m.discriminator()));
}

INSTANTIATE_TEST_SUITE_P(Networks, Agreement,
                         ::testing::Values(StyleGan2Reference{"rosinality16", 4}, StyleGan2Reference{"rosinality32", 4},
                                           StyleGan2Reference{"rosinality32-train", 4}, StyleGan2Reference{"ada16", 3},
                                           StyleGan2Reference{"ada32-labels", 2}, StyleGan2Reference{"ada16-orig", 6}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(Import, WidthsOfEveryLayerAreRead) {
  const NetworkSet m = import_model({checkpoint("rosinality32")});
  const auto g = m.best<Generator>("generator")->settings(), d = m.discriminator()->settings();
  EXPECT_EQ(g["channels"], nlohmann::json::parse(R"({"4": 9, "8": 7, "16": 6, "32": 3})"));
  EXPECT_EQ(g["up_channels"]["16"], 4);
  EXPECT_EQ(g["w_dim"], 9);
  EXPECT_EQ(g["mapping_layers"], 4);
  EXPECT_EQ(d["hidden_channels"]["32"], 6);
  EXPECT_EQ(d["hidden_channels"]["4"], 8);
  EXPECT_EQ(d["fc_features"], 2);
  const NetworkSet labeled = import_model({checkpoint("ada32-labels")});
  EXPECT_EQ(labeled.best<Generator>("generator")->classes(), 5);
  EXPECT_EQ(labeled.discriminator()->classes(), 5);
  EXPECT_EQ(labeled.best<Generator>("generator")->settings()["mapping_widths"], (std::vector<int64_t>{9, 9, 7}));
  expect_error([&] { labeled.discriminator()->forward(torch::zeros({2, 1, 32, 32}), {}, 1); }, {"5 labels"});
  EXPECT_EQ(import_model({checkpoint("ada16-orig")}).discriminator()->settings()["minibatch_std_channels"], 2);
}

TEST(Import, ExportIsTheInverseToTheBit) {
  const TemporaryFolder folder;
  for (const std::string name : {"rosinality16", "rosinality32", "rosinality32-train"}) {
    const TensorFile original = load_checkpoint(checkpoint(name));
    const TensorFile exported = stylegan2_pytorch_format()->export_model(import_model({checkpoint(name)}), "m");
    size_t compared = 0;
    for (const auto& [key, tensor] : exported.tensors) {
      if (key == "latent_avg" && !original.contains(key)) continue;
      ASSERT_TRUE(original.contains(key)) << key;
      EXPECT_TRUE(tensor.equal(original.at(key, "checkpoint"))) << key;
      ++compared;
    }
    size_t networks = 0;  // all of the checkpoint but the optimizer
    for (const auto& [key, tensor] : original.tensors) networks += key.find("optim") == std::string::npos;
    EXPECT_EQ(compared, networks);
    save_safetensors(folder / name, exported);
    const NetworkSet back = import_model({folder / name}, {"stylegan2-pytorch"});
    EXPECT_EQ(stylegan2_pytorch_format()->export_model(back, "m").tensors.size(), exported.tensors.size());
  }
  expect_error([] { stylegan2_pytorch_format()->export_model(import_model({checkpoint("ada32-labels")}), "m"); },
               {"m", "labels"});
}

TEST(Import, WithoutAMeanLatentItIsEstimated) {
  torch::NoGradGuard no_grad;
  const NetworkSet m = import_model({checkpoint("rosinality32")}), again = import_model({checkpoint("rosinality32")});
  const auto z = torch::randn({3, 9});
  const auto mean = m.best<Generator>("generator")->sample({z}, {0});
  EXPECT_LT((mean - mean[0]).abs().max().item<double>(), 1e-4);
  EXPECT_TRUE(mean.equal(again.best<Generator>("generator")->sample({z}, {0})));
}

/// The tensors under a prefix, saved as a file of their own.
fs::path part(const TemporaryFolder& folder, const std::string& name, const std::string& prefix) {
  TensorFile file;
  for (const auto& [key, tensor] : load_checkpoint(checkpoint(name)).tensors) {
    if (key.rfind(prefix, 0) == 0) file.tensors[key.substr(prefix.size())] = tensor;
  }
  save_safetensors(folder / (name + prefix), file);
  return folder / (name + prefix);
}

TEST(Import, GeneratorAndDiscriminatorOfTwoFiles) {
  torch::NoGradGuard no_grad;
  const TemporaryFolder folder;
  for (const auto& [name, g, d] :
       {std::tuple{"rosinality32", "g_ema.", "d."}, std::tuple{"ada32-labels", "G_ema.", "D."}}) {
    const fs::path generator = part(folder, name, g), discriminator = part(folder, name, d);
    const NetworkSet m = import_model({generator, discriminator}, {"", 2});
    const TensorFile file = outputs(name);
    EXPECT_LT(
        difference(sampler_of(m, "m")->sample({file.at("z", ""), optional(file, "labels")}), file.at("images", "")),
        1e-4);
    EXPECT_TRUE(m.discriminator());
    expect_error([&] { import_model({generator, generator}); }, {"earlier file"});
  }
}

TEST(Import, OtherArchitecturesAreRefused) {
  const TemporaryFolder folder;
  const TensorFile good = load_checkpoint(checkpoint("ada16"), [](const std::string& name) { return name[0] == 'G'; });
  const auto changed = [&](const std::function<void(TensorFile&)>& change) {
    TensorFile file = good;
    change(file);
    save_safetensors(folder / "m", file);
    return [&] { import_model({folder / "m"}); };
  };
  expect_error(changed([](TensorFile& f) {
                 f.tensors = {{"shared.weight", torch::zeros({2})}, {"blocks.0.0.conv1.weight", torch::zeros({2})}};
               }),
               {"m", "missing: input.input", "unknown: blocks.0.0.conv1.weight, shared.weight"});
  expect_error(changed([](TensorFile& f) {
                 f.tensors["G_ema.more"] = torch::zeros({1});
                 f.tensors.erase("G_ema.synthesis.b8.conv0.bias");
               }),
               {"generator of stylegan2-ada-pytorch", "missing: G_ema.synthesis.b8.conv0.bias", "unknown: G_ema.more"});
  expect_error(changed([](TensorFile& f) {
                 for (int i = 0; i < 9; ++i) f.tensors["G_ema.x" + std::to_string(i)] = torch::zeros({1});
               }),
               {"missing: none", "G_ema.x0, G_ema.x1, G_ema.x2 and 6 more"});
  expect_error(changed([](TensorFile& f) { f.tensors["G_ema.synthesis.b8.conv0.bias"] = torch::zeros({3}); }),
               {"b8.conv0.bias", "[3]"});
  expect_error(changed([](TensorFile& f) { f.tensors["G_ema.mapping.fc0.weight"] = torch::zeros({3}); }),
               {"mapping.fc0.weight", "dimensions"});
  expect_error(
      changed([](TensorFile& f) { f.tensors["G_ema.synthesis.const"] = f.tensors["G_ema.synthesis.b4.const"]; }),
      {"unknown: G_ema.synthesis.const"});
  expect_error(changed([](TensorFile& f) {
                 for (auto& [name, tensor] : f.tensors) {
                   if (name.find("resample_filter") != std::string::npos) tensor = torch::ones({4, 4}) / 16;
                 }
               }),
               {"resample_filter", "[1, 3, 3, 1]"});
  expect_error(changed([](TensorFile& f) {
                 f.tensors["G_ema.synthesis.b4.const"] = torch::zeros({9, 4, 4}, torch::kLong);
               }),
               {"const", "floating-point"});
  // Sizes that add up to a network of gigabytes, in a file that holds next to nothing of it.
  expect_error(changed([](TensorFile& f) {
                 for (auto& [name, tensor] : f.tensors) {
                   if (name.find("conv") != std::string::npos && tensor.dim() == 4)
                     tensor = torch::zeros({4096, 1, 1, 1});
                 }
               }),
               {"m", "parameters, but holds"});
  expect_error([&] { import_model({checkpoint("ada16")}, {"stylegan2-pytorch"}); },
               {"ada16.pt", "stylegan2-ada-pytorch"});
}

TEST(Import, FiltersOfRosinalityAreChecked) {
  const TemporaryFolder folder;
  TensorFile file = load_checkpoint(checkpoint("rosinality16"));
  file.tensors["g_ema.convs.0.conv.blur.kernel"] = torch::ones({4, 4}) / 4;
  save_safetensors(folder / "m", file);
  expect_error([&] { import_model({folder / "m"}); }, {"g_ema.convs.0.conv.blur.kernel", "[1, 3, 3, 1]"});
}

TEST(Import, HalfPrecisionBecomesSingle) {
  const TemporaryFolder folder;
  TensorFile file = load_checkpoint(checkpoint("ada16"));
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(torch::kHalf);
  save_safetensors(folder / "m", file);
  const NetworkSet m = import_model({folder / "m"});
  for (const auto& p : m.best<Generator>("generator")->parameters()) EXPECT_EQ(p.scalar_type(), torch::kFloat);
}

}  // namespace
}  // namespace dgl::test
