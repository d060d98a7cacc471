#include "dgl/losses/lpips.h"

#include "dgl/base/error.h"
#include "dgl/ops/common.h"
#include "hashed_lpips.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const char* const kGolden = DGL_SOURCE_DIR "/tests/golden/lpips.safetensors";

Tensor images(const std::string& name, at::IntArrayRef sizes) {
  return hashed_tensor(sizes, salt_of(name)).to(torch::kFloat);
}

double relative(const Tensor& found, const Tensor& expected) {
  return ((found - expected).abs().max() / expected.abs().max()).item<double>();
}

TEST(Lpips, DistancesAndGradientsAgreeWithTheReferences) {
  const Lpips lpips(hashed_lpips(), "hashed");
  const TensorFile golden = load_safetensors(kGolden);
  const std::tuple<int, int, int> sizes[] = {{2, 32, 32}, {1, 48, 65}};
  for (const bool reference : {false, true}) {
    const ops::ReferenceScope scope(reference);
    for (const auto& [n, height, width] : sizes) {
      const Tensor x = images(fmt::format("x{}", height), {n, 3, height, width});
      const Tensor other = images(fmt::format("y{}", height), {n, 3, height, width});
      const Tensor y = (0.5 * x + 0.5 * other).set_requires_grad(true);
      const Tensor distance = lpips(x, y);
      const Tensor gradient = torch::autograd::grad({distance.sum()}, {y})[0];
      const std::string size = fmt::format("{}x{}", height, width);
      EXPECT_LT(relative(distance, golden.at(size + ".distance", kGolden)), 1e-5) << size;
      // A number within a rounding of 0 passes a ReLU in one and not in the other, which changes the gradient of the
      // pixels that it sees: hence many of them at a small bound, and all at a wide one.
      const Tensor expected = golden.at(size + ".gradient", kGolden);
      const Tensor difference = (gradient - expected).abs() / expected.abs().max();
      EXPECT_LT(at::quantile(difference, 0.4).item<float>(), 1e-5) << size;
      EXPECT_LT(difference.max().item<float>(), 0.1) << size;
    }
  }
}

TEST(Lpips, GrayImagesCountAsRgbAndEqualOnesHaveNoDistance) {
  const Lpips lpips(hashed_lpips(), "hashed");
  const Tensor x = images("x", {2, 1, 20, 20}), y = images("y", {2, 1, 20, 20});
  EXPECT_TRUE(at::allclose(lpips(x, y), lpips(x.repeat({1, 3, 1, 1}), y.repeat({1, 3, 1, 1}))));
  EXPECT_EQ(lpips(x, x).abs().max().item<float>(), 0);
}

TEST(Lpips, IsFoundInACheckpointOfAnotherNetwork) {
  const TemporaryFolder folder;
  TensorFile file = hashed_lpips("loss.perceptual_loss.");
  file.tensors["encoder.conv_in.weight"] = torch::ones({1});
  save_safetensors(folder / "vae.safetensors", file);
  const Tensor x = images("x", {1, 3, 16, 16}), y = images("y", {1, 3, 16, 16});
  const Lpips plain(hashed_lpips(), "hashed");
  EXPECT_TRUE(at::equal(load_lpips(folder / "vae.safetensors")(x, y), plain(x, y)));
}

/// The message of the Error that making it of `file` throws.
std::string refusal(const TensorFile& file) {
  try {
    const Lpips lpips(file, "weights.pth");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Lpips, RefusesWhatItIsNot) {
  EXPECT_EQ(refusal({}),
            "weights.pth: no tensor net.slice1.0.weight; expected the weights of LPIPS on VGG16, or a checkpoint that "
            "holds them");
  TensorFile file = hashed_lpips();
  file.tensors["lin2.model.1.weight"] = torch::ones({1, 8, 1, 1});
  EXPECT_EQ(refusal(file),
            "weights.pth: tensor lin2.model.1.weight has shape [1, 8, 1, 1], that of LPIPS has [1, 256, 1, 1]");
  file = hashed_lpips();
  file.tensors.erase("net.slice5.28.bias");
  EXPECT_NE(refusal(file).find("net.slice5.28.bias"), std::string::npos);
  file = hashed_lpips();
  file.tensors["net.slice1.0.bias"] = torch::full({64}, NAN);
  EXPECT_EQ(refusal(file), "weights.pth: tensor net.slice1.0.bias: expected finite floating-point numbers");
  file = hashed_lpips();
  file.tensors.merge(hashed_lpips("other.").tensors);
  EXPECT_NE(refusal(file).find("stand there twice"), std::string::npos);
  const Lpips lpips(hashed_lpips(), "hashed");
  EXPECT_THROW(lpips(torch::zeros({1, 3, 8, 32}), torch::zeros({1, 3, 8, 32})), Error);
}

}  // namespace
}  // namespace dgl::test
