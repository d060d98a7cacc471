#include "dgl/families/model_settings.h"

#include <gtest/gtest.h>

#include "dgl/base/config_key.h"
#include "dgl/families/biggan/biggan.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// A model of another program, from golden files.
NetworkSet golden_model(const std::vector<std::string>& names, int64_t resolution = 0) {
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(fs::path(DGL_SOURCE_DIR) / "tests/golden" / name);
  return import_model(files, {.from = {}, .resolution = resolution});
}

/// A model whose generators have these settings at full width.
NetworkSet model_of(const Family& family, FamilySettings& settings, const std::string& slot) {
  family.check(settings, "test");
  NetworkSet model;
  model.add({.name = slot,
             .role = NetworkRole::generator,
             .network = family.make_network(slot, family.shape(settings, {}, slot), "test", INT64_MAX)});
  return model;
}

// What is read of a model's networks makes the same again.
TEST(ModelSettings, AreReadFromImportedNetworks) {
  const std::pair<std::vector<std::string>, int64_t> models[] = {
      {{"stylegan2/ada16.pt"}, 0},
      {{"vae/f4.pt"}, 32},
      {{"vae/taesd_encoder.pth", "vae/taesd_decoder.pth"}, 32},
      {{"diffusion/ddim.ckpt"}, 8},
      {{"diffusion/edm-ddpmpp.pkl"}, 0},
      {{"diffusion/edm-ncsnpp.pt"}, 0},
      {{"cyclegan/latest_net_G_A.pth", "cyclegan/latest_net_G_B.pth"}, 16},
  };
  for (const auto& [files, resolution] : models) {
    SCOPED_TRACE(files[0]);
    const NetworkSet model = golden_model(files, resolution);
    const Family& family = family_of(model, "m");
    std::unique_ptr<FamilySettings> settings;
    ASSERT_NO_THROW(settings = settings_of_model(family, model, "m"));
    for (const NetworkSlot& slot : model) {
      if (slot.role == NetworkRole::discriminator) continue;
      EXPECT_EQ(family.shape(*settings, {}, slot.name), slot.best()->settings()) << slot.name;
    }
    EXPECT_TRUE(contradictions(family, *settings, model).empty());
  }
}

TEST(ModelSettings, AreReadOfEveryTableOfAFamily) {
  const StyleGan2Family stylegan2;
  for (const auto& [base, most] : {std::pair{16384, 64}, {256, 16}, {512, 16}, {4096, 4096}}) {
    StyleGan2FamilySettings s;
    s.resolution = 64;
    s.network.channel_base = base;
    s.network.channel_max = most;
    s.network.w_dim = 24;
    s.network.label_embed = 3;
    s.conditional = true;
    s.classes = 7;
    const NetworkSet model = model_of(stylegan2, s, "generator");
    const auto read = settings_of_model(stylegan2, model, "m");
    EXPECT_EQ(stylegan2.shape(*read, {}, "generator"), stylegan2.shape(s, {}, "generator")) << base;
    // Any base that makes the same networks is left as it is.
    EXPECT_TRUE(describe_model(stylegan2, model, s));
    EXPECT_EQ(s.network.channel_base, base);
  }
  const BigGanFamily biggan;
  for (const int64_t resolution : {32, 64, 128}) {
    BigGanFamilySettings s;
    s.resolution = resolution;
    s.classes = 3;
    s.conditional = true;
    s.channels = 16;
    s.attention = resolution / 2;
    const NetworkSet model = model_of(biggan, s, "generator");
    const auto read = settings_of_model(biggan, model, "m");
    EXPECT_EQ(biggan.shape(*read, {}, "generator"), biggan.shape(s, {}, "generator")) << resolution;
  }
}

TEST(ModelSettings, NoRecipeMakesAnIrregularNetwork) {
  for (const auto& [file, resolution] : {std::pair{"stylegan2/rosinality32.pt", 0},
                                         {"cyclegan/gan-compression/sub_mobile_net_G.pth", 16},
                                         {"cyclegan/unet/batch_net_G.pth", 32}}) {
    const NetworkSet model = golden_model({file}, resolution);
    const Family& family = family_of(model, "m");
    expect_error([&] { settings_of_model(family, model, "m"); }, {"m: no recipe", "give a --recipe"});
    EXPECT_TRUE(contradictions(family, *family.default_settings(), model).empty());
  }
}

TEST(ModelSettings, ContradictionsNameKeysAndBothValues) {
  const NetworkSet model = golden_model({"stylegan2/ada16.pt"});
  const StyleGan2Family family;
  auto settings = settings_of_model(family, model, "m");
  auto& network = dynamic_cast<StyleGan2FamilySettings&>(*settings).network;
  network.w_dim = 20;
  network.mapping_layers += 1;
  const auto found = contradictions(family, *settings, model);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], "network.w_dim = 20 where it has 11");
  EXPECT_EQ(found[1], "network.mapping_layers = 3 where it has 2");
}

}  // namespace
}  // namespace dgl::test
