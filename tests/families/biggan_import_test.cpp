#include "devices.h"
#include "dgl/base/torch.h"
#include "dgl/families/biggan/networks.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/stylegan2/checkpoint_import.h"
#include "dgl/formats/checkpoint.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kBigGanFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/biggan";

struct BigGanReference {
  const char* name;
  const char* generator = "G.pth";
};

// Random networks, and what the reference implementation makes of them in evaluation mode (tests/golden/README.md).
class BigGanAgreement : public ::testing::TestWithParam<BigGanReference> {
 protected:
  NetworkSet model() const {
    const fs::path folder = kBigGanFiles / GetParam().name;
    return import_model({folder / GetParam().generator, folder / "D.pth"});
  }
};

TEST_P(BigGanAgreement, ImagesAndScores) {
  torch::NoGradGuard no_grad;
  const NetworkSet m = model();
  TensorFile file = load_safetensors(kBigGanFiles / GetParam().name / "outputs.safetensors");
  for (const std::string& device : devices()) {
    SCOPED_TRACE(device);
    for (auto& named : file.tensors) named.second = named.second.to(torch::Device(device));
    const auto at = [&](const char* name) { return file.at(name, "golden"); };
    Generator& generator = *m.best<Generator>("generator");
    Discriminator& discriminator = *m.discriminator();
    generator.to(torch::Device(device));
    discriminator.to(torch::Device(device));
    const double of_images = difference(generator.sample({at("z"), at("labels")}), at("images"));
    const double of_scores =
        std::max(difference(discriminator.forward(at("real").to(torch::kFloat), at("labels"), 1), at("scores")),
                 difference(discriminator.forward(at("images"), at("labels"), 1), at("fake_scores")));
    EXPECT_LT(of_images, 2e-4);
    EXPECT_LT(of_scores, 2e-4);
    fmt::print("{} on {}: images {:.1e}, scores {:.1e}\n", GetParam().name, device, of_images, of_scores);
  }
}

TEST_P(BigGanAgreement, SavedAndLoadedItIsTheSameToTheBit) {
  torch::NoGradGuard no_grad;
  const TemporaryFolder folder;
  const NetworkSet m = model();
  save_model(folder / "m", m);
  const NetworkSet back = load_model(folder / "m");
  const TensorFile file = load_safetensors(kBigGanFiles / GetParam().name / "outputs.safetensors");
  const torch::Tensor z = file.at("z", ""), labels = file.at("labels", ""), images = file.at("images", "");
  EXPECT_TRUE(sampler_of(back, "m")->sample({z, labels}).equal(sampler_of(m, "m")->sample({z, labels})));
  EXPECT_TRUE(back.discriminator()->forward(images, labels, 1).equal(m.discriminator()->forward(images, labels, 1)));
  EXPECT_EQ(sampler_of(back, "m")->network().settings(), sampler_of(m, "m")->network().settings());
}

INSTANTIATE_TEST_SUITE_P(Networks, BigGanAgreement,
                         ::testing::Values(BigGanReference{"biggan32"}, BigGanReference{"biggan32-shared"},
                                           BigGanReference{"biggan32-tables"},
                                           BigGanReference{"biggan128", "G_ema.pth"},
                                           BigGanReference{"biggan128-tables"}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(BigGanImport, ShapesAreReadFromTheTensors) {
  const NetworkSet m = import_model({kBigGanFiles / "biggan128/D.pth", kBigGanFiles / "biggan128/G_ema.pth"});
  EXPECT_FALSE(m.network("generator"));
  const auto g = m.best<Generator>("generator")->settings(), d = m.discriminator()->settings();
  EXPECT_EQ(g["resolution"], 128);
  EXPECT_EQ(g["z_dim"], 12);
  EXPECT_EQ(g["classes"], 6);
  EXPECT_EQ(g["shared_dim"], 5);
  EXPECT_EQ(g["hierarchical"], true);
  EXPECT_EQ(g["channels"], (std::vector<int64_t>{64, 32, 16, 8, 4}));
  EXPECT_EQ(g["attention"], std::vector<int64_t>{3});
  EXPECT_EQ(d["channels"], (std::vector<int64_t>{4, 8, 16, 32, 64, 64}));
  EXPECT_EQ(d["attention"], std::vector<int64_t>{1});
  // The reference attends in every block of its discriminator for 32 px.
  EXPECT_EQ(import_model({kBigGanFiles / "biggan32/D.pth"}).discriminator()->settings()["attention"],
            (std::vector<int64_t>{0, 1, 2, 3}));
  const auto tables = import_model({kBigGanFiles / "biggan32-tables/G.pth"}).network("generator")->settings();
  EXPECT_EQ(tables["shared_dim"], 0);
  EXPECT_EQ(tables["classes"], 5);
}

TEST(BigGanImport, FilesThatDoNotBelongTogether) {
  const auto refused = [](const std::vector<std::string>& names, const std::vector<std::string>& words) {
    std::vector<fs::path> files;
    for (const std::string& name : names) files.push_back(kBigGanFiles / name);
    expect_error([&] { import_model(files); }, words);
  };
  refused({"biggan32/G.pth", "biggan128/D.pth"}, {"G.pth, D.pth", "belong together", "32", "128"});
  refused({"biggan128-tables/G.pth", "biggan128/D.pth"}, {"of 4 labels", "of 6"});
  refused({"biggan32/G.pth", "biggan32-shared/G.pth"}, {"earlier file"});
  refused({"biggan128/G_ema.pth", "biggan128-tables/G.pth"}, {"average", "different shapes"});
}

TEST(BigGanImport, OtherArchitecturesAreRefused) {
  const TemporaryFolder folder;
  const auto changed = [&](const char* name, const std::function<void(TensorFile&)>& change) {
    TensorFile file = load_checkpoint(kBigGanFiles / "biggan32" / name);
    change(file);
    save_safetensors(folder / "m", file);
    return [&] { import_model({folder / "m"}); };
  };
  expect_error(changed("G.pth", [](TensorFile& f) { f.tensors.erase("blocks.1.0.bn2.gain.u0"); }),
               {"generator of biggan-pytorch", "missing: blocks.1.0.bn2.gain.u0", "unknown: none"});
  expect_error(changed("G.pth", [](TensorFile& f) { f.tensors["blocks.0.0.conv3.weight"] = torch::zeros({1}); }),
               {"missing: none", "unknown: blocks.0.0.conv3.weight"});
  expect_error(changed("G.pth",
                       [](TensorFile& f) {
                         f.tensors["shared.weight"] = torch::zeros({5, 3});
                       }),
               {"blocks.0.0.bn1.gain.weight", "expected 3", "or 5"});
  expect_error(changed("G.pth", [](TensorFile& f) { f.tensors["blocks.1.0.conv2.bias"] = torch::zeros({3}); }),
               {"blocks.1.0.conv2.bias", "[3]"});
  expect_error(changed("D.pth", [](TensorFile& f) { f.tensors.erase("embed.weight"); }), {"embed.weight"});
  expect_error(changed("D.pth",
                       [](TensorFile& f) {
                         for (const char* name : {"conv1.weight", "conv1.bias", "conv1.u0", "conv1.sv0"}) {
                           f.tensors.erase(std::string("blocks.0.0.") + name);
                         }
                       }),
               {"blocks.0.0.conv1.weight"});
}

}  // namespace
}  // namespace dgl::test
