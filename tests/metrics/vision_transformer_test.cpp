#include "dgl/metrics/vision_transformer.h"

#include <cmath>
#include <functional>

#include "dgl/base/torch.h"
#include "dgl/data/resize.h"
#include "dgl/formats/safetensors.h"
#include "hashed.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const char* const kTransformers = DGL_SOURCE_DIR "/tests/golden/vision_transformers.safetensors";

/// Weights that are hashes of their names, so that they need no file (tests/golden/README.md).
Tensor hashed_transformer_weight(const std::string& name, const std::vector<int64_t>& sizes) {
  const Tensor u = hashed_tensor(sizes, salt_of(name));
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  Tensor weight;
  if (name.ends_with("norm.weight") || has("norm1.weight") || has("norm2.weight") || name.ends_with("gamma")) {
    weight = 1 + 0.25 * u;
  } else if ((has("embed") && !has("patch")) || has("token")) {
    weight = 0.5 * u;
  } else if (sizes.size() == 1) {
    weight = 0.25 * u;
  } else {
    weight = u * std::sqrt(3.0 * static_cast<double>(sizes[0]) / static_cast<double>(u.numel()));
  }
  return weight.to(torch::kFloat);
}

class VisionTransformers : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::vector<int64_t>& sizes) {
    file_.tensors[name] = hashed_transformer_weight(name, sizes);
  }
  void put_layer(const std::string& name, int64_t in, int64_t out) {
    put(name + ".weight", {out, in});
    put(name + ".bias", {out});
  }
  void put_norm(const std::string& name) {
    put(name + ".weight", {kWidth});
    put(name + ".bias", {kWidth});
  }
  /// Two blocks of 128 channels, in the place of 24 of 1024.
  void put_dinov2() {
    put("cls_token", {1, 1, kWidth});
    put("pos_embed", {1, 37 * 37 + 1, kWidth});
    put("mask_token", {1, kWidth});
    put("patch_embed.proj.weight", {kWidth, 3, 14, 14});
    put("patch_embed.proj.bias", {kWidth});
    for (const std::string block : {"blocks.0.", "blocks.1."}) {
      put_norm(block + "norm1");
      put_norm(block + "norm2");
      put_layer(block + "attn.qkv", kWidth, 3 * kWidth);
      put_layer(block + "attn.proj", kWidth, kWidth);
      put_layer(block + "mlp.fc1", kWidth, 4 * kWidth);
      put_layer(block + "mlp.fc2", 4 * kWidth, kWidth);
      put(block + "ls1.gamma", {kWidth});
      put(block + "ls2.gamma", {kWidth});
    }
    put_norm("norm");
  }
  /// Two blocks of 128 channels at 42 pixels, in the place of 24 of 1024 at 336.
  void put_clip() {
    const std::string top = "vision_model.";
    put(top + "embeddings.class_embedding", {kWidth});
    put(top + "embeddings.position_embedding.weight", {10, kWidth});
    put(top + "embeddings.patch_embedding.weight", {kWidth, 3, 14, 14});
    put_norm(top + "pre_layrnorm");
    put_norm(top + "post_layernorm");
    for (const std::string block : {"encoder.layers.0.", "encoder.layers.1."}) {
      put_norm(top + block + "layer_norm1");
      put_norm(top + block + "layer_norm2");
      for (const char* part : {"q", "k", "v", "out"}) {
        put_layer(fmt::format("{}{}self_attn.{}_proj", top, block, part), kWidth, kWidth);
      }
      put_layer(top + block + "mlp.fc1", kWidth, 4 * kWidth);
      put_layer(top + block + "mlp.fc2", 4 * kWidth, kWidth);
    }
    put("visual_projection.weight", {24, kWidth});
    file_.tensors["text_model.final_layer_norm.weight"] = torch::ones({3});
  }
  /// An image [1, 3, side, side] of hashes.
  static Tensor image(int64_t side) {
    Tensor pixels = torch::empty({side, side, 3}, torch::kUInt8);
    const uint32_t salt = salt_of(fmt::format("image{}", side));
    for (int64_t i = 0; i < pixels.numel(); ++i) {
      pixels.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(hashed(static_cast<uint64_t>(i), salt) >> 24);
    }
    return pixels.permute({2, 0, 1}).unsqueeze(0).contiguous();
  }
  void expect_agreement(const std::string& name, const std::string& distance, int64_t dimensions) {
    const TensorFile golden = load_safetensors(kTransformers);
    save_safetensors(folder_ / "w.safetensors", file_);
    const auto network = load_feature_network(folder_ / "w.safetensors");
    EXPECT_EQ(network->distance_name(), distance);
    EXPECT_EQ(network->dimensions(), dimensions);
    EXPECT_EQ(network->classes(), 0);
    for (const int64_t side : {40, 300}) {
      const Tensor expected = golden.at(fmt::format("{}_{}", name, side), kTransformers);
      const Tensor made = network->features(image(side));
      const double error = ((made - expected).abs().max() / expected.abs().max()).item<double>();
      EXPECT_LT(error, 1e-5) << side;
      RecordProperty(fmt::format("{}_{}", name, side), fmt::format("{:.2e}", error));
      // A gray image is one of three equal channels, and images of a batch do not depend on each other.
      const Tensor gray = image(side).slice(1, 0, 1);
      const Tensor both = network->features(at::cat({image(side), gray.expand({1, 3, side, side})}));
      EXPECT_LT((network->features(gray) - both.slice(0, 1)).abs().max().item<double>(), 1e-5);
      EXPECT_LT((made - both.slice(0, 0, 1)).abs().max().item<double>(), 1e-5);
    }
    expect_error([&] { network->features(torch::zeros({1, 2, 40, 40}, torch::kUInt8)); }, {"2 channels", "1 or 3"});
  }
  void expect_refused(const std::function<void(TensorFile&)>& change, const std::vector<std::string>& words) {
    TensorFile changed = file_;
    change(changed);
    save_safetensors(folder_ / "bad.safetensors", changed);
    expect_error([&] { load_feature_network(folder_ / "bad.safetensors"); }, words);
  }

  static constexpr int64_t kWidth = 128;
  TensorFile file_;
  TemporaryFolder folder_;
};

TEST_F(VisionTransformers, DinoV2IsTheAuthors) {
  put_dinov2();
  expect_agreement("dinov2", "fd_dinov2", kWidth);
}

TEST_F(VisionTransformers, ClipIsTheAuthors) {
  put_clip();
  expect_agreement("clip", "fd_clip", 24);
}

TEST_F(VisionTransformers, OtherFilesAreRefused) {
  put_dinov2();
  expect_refused([](TensorFile& f) { f.tensors.erase("blocks.1.attn.proj.bias"); }, {"bad", "blocks.1.attn.proj.bias"});
  expect_refused([](TensorFile& f) { f.tensors["norm.bias"] = torch::zeros({127}); }, {"bad", "norm.bias", "[128]"});
  expect_refused([](TensorFile& f) { f.tensors["extra"] = torch::zeros({1}); },
                 {"bad", "extra", "not of this network"});
  expect_refused([](TensorFile& f) { f.tensors["pos_embed"] = torch::zeros({1, 3, 128}); }, {"bad", "2 patches"});
  expect_refused(
      [](TensorFile& f) {
        f.tensors["register_tokens"] = torch::zeros({1, 4, 128});
      },
      {"bad", "register tokens"});
  expect_refused([](TensorFile& f) { f.tensors.erase("blocks.0.mlp.fc1.weight"); }, {"bad", "ViT-S/14"});
  file_.tensors.clear();
  put_clip();
  expect_refused([](TensorFile& f) { f.tensors.erase("visual_projection.weight"); }, {"visual_projection.weight"});
  expect_refused(
      [](TensorFile& f) {
        f.tensors["vision_model.embeddings.patch_embedding.weight"] = torch::zeros({128, 3, 14});
      },
      {"patch_embedding", "4 dimensions"});
}

// Pillow's mode F, which clean-fid resizes single channels in.
TEST(CleanResizing, IsPillowsInModeF) {
  const char* const file = DGL_SOURCE_DIR "/tests/golden/images/pillow_f.safetensors";
  const TensorFile golden = load_safetensors(file);
  SourceImage image{13, 10, 3, {}};
  for (uint64_t i = 0; i < 13 * 10 * 3; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(hashed(i, salt_of("clean")) >> 24));
  }
  for (const int64_t size : {20, 6}) {
    const std::vector<float> made = resize_exactly(image, size, ResizeFilter::bicubic);
    const Tensor expected = golden.at(fmt::format("to_{}", size), file);
    EXPECT_LT((torch::tensor(made).view({size, size, 3}) - expected).abs().max().item<double>(), 1e-4) << size;
    EXPECT_TRUE((expected < 0).any().item<bool>() || size == 6);  // it overshoots
  }
}

}  // namespace
}  // namespace dgl::test
