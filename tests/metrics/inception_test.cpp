#include "dgl/metrics/inception.h"

#include "metrics/hashed_inception.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const char* const kGolden = DGL_SOURCE_DIR "/tests/golden/inception.safetensors";

const TensorFile& weights() {
  static const TensorFile file = hashed_inception();
  return file;
}

Inception& network() {
  static Inception inception(weights(), "hashed");
  return inception;
}

/// Images [n, 3, h, w] of hashed blocks of 6 x 9 pixels, three quarters of a byte, under hashed noise of a quarter.
Tensor images(int64_t n, int64_t h, int64_t w) {
  Tensor out = torch::empty({n, 3, h, w}, torch::kByte);
  auto* at = out.data_ptr<uint8_t>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    const int64_t plane = i / (h * w), y = i / w % h, x = i % w;
    const auto block = static_cast<uint64_t>((plane * 1000 + y / 6) * 1000 + x / 9);
    at[i] = static_cast<uint8_t>((hashed(block, 5) >> 24) * 3 / 4 + (hashed(static_cast<uint64_t>(i), 6) >> 26));
  }
  return out;
}

TEST(Inception, AgreesWithTorchFidelitysOnEveryLayer) {
  const TensorFile golden = load_safetensors(kGolden);
  const std::tuple<int, int, int> sizes[] = {{2, 32, 32}, {1, 61, 90}, {1, 299, 299}, {1, 380, 512}};
  for (const auto& [n, h, w] : sizes) {
    const InceptionOutputs found = network().outputs(images(n, h, w));
    const std::pair<const char*, Tensor> layers[] = {{"64", found.pool64},
                                                     {"192", found.pool192},
                                                     {"768", found.pool768},
                                                     {"2048", found.pool2048},
                                                     {"logits_unbiased", found.logits_unbiased},
                                                     {"logits", found.logits}};
    for (const auto& [layer, tensor] : layers) {
      const std::string name = fmt::format("{}x{}x{}.{}", n, h, w, layer);
      const Tensor expected = golden.at(name, kGolden);
      ASSERT_EQ(tensor.sizes(), expected.sizes()) << name;
      const double difference = ((tensor - expected).abs().max() / expected.abs().max()).item<double>();
      EXPECT_LT(difference, 1e-5) << name;
      RecordProperty(name, fmt::format("{:.2e}", difference));
    }
  }
}

TEST(Inception, GrayImagesCountAsRgb) {
  const Tensor gray = images(1, 40, 40).slice(1, 0, 1);
  EXPECT_TRUE(at::equal(network().features(gray), network().features(gray.repeat({1, 3, 1, 1}))));
}

TEST(Inception, ItsScoreIsTakenWithoutTheLastBias) {
  const Tensor x = images(2, 20, 20);
  const Activations both = network().activations(x);
  EXPECT_TRUE(at::equal(both.logits, network().outputs(x).logits_unbiased));
  EXPECT_TRUE(at::equal(both.features, network().features(x)));
  EXPECT_EQ(network().distance_name(), "fid");
  EXPECT_EQ(both.features.size(1), network().dimensions());
}

TEST(Inception, AFileOfItIsKnownByItsKeys) {
  const TemporaryFolder folder;
  save_safetensors(folder / "inception", weights());
  const auto loaded = load_feature_network(folder / "inception");
  EXPECT_EQ(loaded->distance_name(), "fid");
  const Tensor x = images(1, 32, 32);
  EXPECT_TRUE(at::equal(loaded->features(x), network().features(x)));
}

TEST(Inception, ResizesAsTensorFlowOneDid) {
  // Upwards by 2: pixels, and the means between them; the last has no neighbor beyond.
  const Tensor x = torch::tensor({0.0f, 2.0f, 8.0f, 4.0f}).view({1, 1, 2, 2});
  const Tensor expected = torch::tensor(
      {{0.0f, 1.0f, 2.0f, 2.0f}, {4.0f, 3.5f, 3.0f, 3.0f}, {8.0f, 6.0f, 4.0f, 4.0f}, {8.0f, 6.0f, 4.0f, 4.0f}});
  EXPECT_TRUE(at::allclose(resize_bilinear_tf1(x, 4)[0][0], expected));
  // Downwards by 2: every other pixel, without a filter.
  const Tensor wide = torch::arange(16, torch::kFloat).view({1, 1, 4, 4});
  EXPECT_TRUE(at::equal(resize_bilinear_tf1(wide, 2)[0][0], torch::tensor({{0.0f, 2.0f}, {8.0f, 10.0f}})));
}

TEST(Inception, Errors) {
  const auto refused = [](const auto& change, const std::vector<std::string>& words) {
    TensorFile file = weights();
    change(file.tensors);
    expect_error([&] { Inception(file, "file.pth"); }, words);
  };
  refused([](auto& t) { t.erase("Mixed_6b.branch7x7_2.bn.bias"); }, {"file.pth", "Mixed_6b.branch7x7_2.bn.bias"});
  refused([](auto& t) { t["AuxLogits.conv"] = torch::zeros({1}); }, {"file.pth", "AuxLogits.conv", "not known"});
  refused([](auto& t) { t["fc.weight"] = torch::zeros({1000, 2048}); }, {"fc.weight", "[1000, 2048]", "[1008, 2048]"});
  refused([](auto& t) { t["fc.bias"] = torch::zeros({1008}, torch::kLong); }, {"fc.bias", "floating-point"});
  refused([](auto& t) { t["fc.bias"] = torch::full({1008}, NAN); }, {"fc.bias", "finite"});
  refused([](auto& t) { t["Conv2d_1a_3x3.bn.running_var"] = torch::full({32}, -1.0); },
          {"Conv2d_1a_3x3.bn.running_var", "below zero"});
  expect_error([] { network().features(torch::zeros({1, 3, 8, 8})); }, {"uint8", "Float"});
  expect_error([] { network().features(torch::zeros({1, 2, 8, 8}, torch::kByte)); }, {"[1, 2, 8, 8]"});
}

}  // namespace
}  // namespace dgl::test
