#include "dgl/families/model_file.h"

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

StyleGan2Settings tiny() {
  StyleGan2Settings s;
  s.resolution = 8;
  s.img_channels = 1;
  s.channel_base = 64;
  s.channel_max = 8;
  s.z_dim = s.w_dim = 6;
  s.mapping_layers = 1;
  return s;
}

NetworkSet make_tiny() {
  torch::manual_seed(0);
  const auto generator = [] {
    return std::make_shared<StyleGan2Generator>(StyleGan2GeneratorShape::make(tiny(), {1, 2}, false));
  };
  NetworkSet model;
  model.add({.name = "generator", .network = generator(), .average = generator()});
  model.add({.name = "discriminator",
             .role = NetworkRole::discriminator,
             .network = std::make_shared<StyleGan2Discriminator>(StyleGan2DiscriminatorShape::make(tiny(), {}))});
  model.info = {{"kimg", 3.5}};
  return model;
}

TEST(Model, RoundTripIsExact) {
  const TemporaryFolder folder;
  torch::NoGradGuard no_grad;
  const NetworkSet model = make_tiny();
  save_model(folder / "m", model);
  const NetworkSet back = load_model(folder / "m");
  const auto z = torch::randn({4, 6});
  EXPECT_TRUE(sampler_of(back, "m")->sample({z}, {0.7}).equal(model.best<Generator>("generator")->sample({z}, {0.7})));
  EXPECT_TRUE(
      back.network<Generator>("generator")->sample({z}).equal(model.network<Generator>("generator")->sample({z})));
  const auto x = torch::randn({4, 1, 8, 8});
  EXPECT_TRUE(discriminator_of(back, "m")->forward(x, {}).equal(model.discriminator()->forward(x, {})));
  EXPECT_EQ(back.info, model.info);
}

TEST(Model, SaysWhatIsWrong) {
  const TemporaryFolder folder;
  const TensorFile good = pack_model(make_tiny());
  const auto bad = [&](const std::function<void(TensorFile&)>& change) {
    TensorFile file = good;
    change(file);
    return [file] { unpack_model(file, "m"); };
  };
  expect_error(bad([](TensorFile& f) { f.metadata.clear(); }), {"m", "not a dgl model"});
  expect_error(bad([](TensorFile& f) { f.metadata["dgl"] = "[]"; }), {"m", "JSON object"});
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  expect_error(bad([&](TensorFile& f) { f.metadata["dgl"] = "{\"generator\":" + deep + "}"; }), {"m", "JSON object"});
  expect_error(bad([](TensorFile& f) { f.metadata["dgl"] = "{}"; }), {"no settings of the generator"});
  expect_error(bad([](TensorFile& f) { f.tensors.erase("generator.synthesis.b4.conv1.bias"); }),
               {"no tensor generator.synthesis.b4.conv1.bias"});
  expect_error(bad([](TensorFile& f) { f.tensors["discriminator.more"] = torch::zeros({1}); }),
               {"discriminator.more", "not known"});
  expect_error(bad([](TensorFile& f) { f.tensors["generator.mapping.fc0.bias"] = torch::zeros({7}); }),
               {"generator.mapping.fc0.bias", "[7]", "[6]"});
  expect_error(bad([](TensorFile& f) { f.tensors["generator.mapping.fc0.bias"] = torch::zeros({6}, torch::kLong); }),
               {"generator.mapping.fc0.bias", "floating-point"});
  expect_error(bad([](TensorFile& f) { f.tensors.clear(); }), {"no tensors under"});
  // Settings that describe a huge network are refused before it is allocated.
  expect_error(bad([](TensorFile& f) {
                 auto json = nlohmann::json::parse(f.metadata["dgl"]);
                 for (auto& c : json["generator"]["channels"]) c = 4096;
                 f.metadata["dgl"] = json.dump();
               }),
               {"parameters"});
  expect_error(bad([](TensorFile& f) {
                 auto json = nlohmann::json::parse(f.metadata["dgl"]);
                 json["discriminator"]["family"] = "progan";
                 f.metadata["dgl"] = json.dump();
               }),
               {"progan"});
  expect_error([&] { load_model(folder.put("text", "not a model at all")); }, {"text", "safetensors"});
  EXPECT_THROW(load_model(folder / "text"), FileError);
  EXPECT_THROW(load_model(folder / "none"), FileError);
}

}  // namespace
}  // namespace dgl::test
