#include "dgl/metrics/classifier.h"

#include <nlohmann/json.hpp>

#include "dgl/formats/safetensors.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kAsset = fs::path(DGL_SOURCE_DIR) / "assets" / "mnist32-features.safetensors";

ClassifierShape small_shape() {
  ClassifierShape shape;
  shape.distance = "fd_small";
  shape.resolution = 16;
  shape.channels = 3;
  shape.features = 8;
  shape.classes = 5;
  return shape;
}

Tensor noise(at::IntArrayRef sizes, int64_t seed) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  return torch::randint(0, 256, sizes, torch::kByte);
}

TEST(Classifier, RoundTrip) {
  const TemporaryFolder folder;
  for (const int64_t resolution : {8, 16, 64}) {
    torch::manual_seed(3);
    ClassifierShape shape = small_shape();
    shape.resolution = resolution;
    Classifier network(shape);
    save_classifier(folder / "a", network, 0.5);
    const auto back = load_feature_network(folder / "a");
    EXPECT_EQ(back->distance_name(), "fd_small");
    EXPECT_EQ(back->dimensions(), 8);
    const Tensor images = noise({2, 3, resolution, resolution}, 4);
    EXPECT_EQ(back->features(images).sizes(), (std::vector<int64_t>{2, 8}));
    EXPECT_EQ(back->activations(images).logits.sizes(), (std::vector<int64_t>{2, 5}));
    EXPECT_TRUE(back->features(images).equal(network.features(images)));
    EXPECT_TRUE(back->activations(images).logits.equal(network.activations(images).logits));
    EXPECT_FALSE(back->features(images).requires_grad());
  }
}

TEST(Classifier, FeaturesAreThoseOfTheNormalizedImages) {
  Classifier network(small_shape());
  const Tensor images = noise({3, 3, 16, 16}, 5);
  const Tensor hidden = network.embed(images.to(torch::kFloat) / 127.5 - 1);
  EXPECT_TRUE(hidden.requires_grad());
  EXPECT_TRUE(at::allclose(network.features(images), hidden, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(network.activations(images).logits, network.classify(hidden), 1e-5, 1e-6));
  // An image's features do not depend on the others of its batch.
  EXPECT_TRUE(at::allclose(network.features(images.slice(0, 1, 2)), hidden.slice(0, 1, 2), 1e-4, 1e-5));
}

TEST(Classifier, TakesOnlyTheImagesItWasMadeFor) {
  ClassifierShape shape = small_shape();
  shape.channels = 1;
  Classifier network(shape);
  expect_error([&] { network.features(noise({2, 3, 16, 16}, 0)); }, {"fd_small", "1 x 16 x 16", "3 x 16 x 16"});
  expect_error([&] { network.activations(noise({2, 1, 32, 32}, 0)); }, {"1 x 16 x 16", "1 x 32 x 32"});
  expect_error([&] { network.features(noise({16, 16}, 0)); }, {"1 x 16 x 16"});
  expect_error([&] { network.features(torch::zeros({2, 1, 16, 16})); }, {"uint8", "Float"});
}

TEST(Classifier, NamesOfDistances) {
  for (const char* name : {"", "fid", "fd mnist", "FD", "a\nb", "fd_é"}) {
    ClassifierShape shape = small_shape();
    shape.distance = name;
    expect_error([&] { Classifier network(shape); }, {"network.distance", "expected"});
  }
}

TEST(Classifier, DamagedFilesAreRefusedByName) {
  const TemporaryFolder folder;
  save_classifier(folder / "good", Classifier(small_shape()), 0.5);
  const TensorFile good = load_safetensors(folder / "good");
  const auto refused = [&](const std::function<void(TensorFile&, nlohmann::json&)>& change,
                           const std::vector<std::string>& words) {
    TensorFile file = good;
    auto settings = nlohmann::json::parse(file.metadata.at("dgl"));
    change(file, settings);
    if (file.metadata.count("dgl")) file.metadata["dgl"] = settings.dump();
    save_safetensors(folder / "bad", file);
    expect_error([&] { load_feature_network(folder / "bad"); }, words);
  };
  using J = nlohmann::json;
  refused([](TensorFile& f, J&) { f.tensors.erase("hidden.bias"); }, {"bad", "hidden.bias"});
  refused(
      [](TensorFile& f, J&) {
        f.tensors["conv1.weight"] = torch::zeros({64, 32, 3, 1});
      },
      {"bad", "conv1.weight", "[64, 32, 3, 1]", "[64, 32, 3, 3]"});
  refused([](TensorFile& f, J&) { f.tensors["output.bias"] = torch::zeros({5}, torch::kLong); }, {"output.bias"});
  refused([](TensorFile& f, J&) { f.tensors["more"] = torch::zeros({5}); }, {"bad", "more"});
  refused([](TensorFile& f, J&) { f.metadata.clear(); }, {"bad", "feature network"});
  refused([](TensorFile&, J& s) { s = J::array(); }, {"bad", "feature network"});
  refused([](TensorFile&, J& s) { s["family"] = "stylegan2"; }, {"bad", "feature network"});
  refused([](TensorFile&, J& s) { s["resolution"] = 24; }, {"bad", "resolution", "power of two"});
  refused([](TensorFile&, J& s) { s["resolution"] = 1 << 30; }, {"bad", "resolution"});
  refused([](TensorFile&, J& s) { s["features"] = 4096; }, {"bad", "larger network"});
  refused([](TensorFile&, J& s) { s["features"] = 9; }, {"bad", "hidden.weight"});
  refused([](TensorFile&, J& s) { s["classes"] = "5"; }, {"bad", "classes"});
  refused([](TensorFile&, J& s) { s.erase("channels"); }, {"bad", "channels"});
  refused([](TensorFile&, J& s) { s["distance"] = "fid"; }, {"bad", "distance", "fid"});
  refused([](TensorFile&, J& s) { s.erase("distance"); }, {"bad", "distance"});
}

TEST(Classifier, TheShippedNetworkLoads) {
  EXPECT_LT(fs::file_size(kAsset), 1'000'000u);
  const auto network = load_feature_network(kAsset);
  EXPECT_EQ(network->distance_name(), "fd_mnist");
  EXPECT_EQ(network->dimensions(), 64);
  EXPECT_EQ(network->activations(noise({2, 1, 32, 32}, 6)).logits.sizes(), (std::vector<int64_t>{2, 10}));
  // A line of three pixels' width that stands upright in the middle is a one.
  Tensor one = torch::zeros({1, 1, 32, 32}, torch::kByte);
  one.slice(2, 7, 25).slice(3, 15, 18).fill_(255);
  EXPECT_EQ(network->activations(one).logits.argmax(1).item<int64_t>(), 1);
}

}  // namespace
}  // namespace dgl::test
