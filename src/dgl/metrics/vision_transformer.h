#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/features.h"

namespace dgl {

/// A vision transformer (Dosovitskiy et al. 2021, arXiv 2010.11929) that maps images to the vector of its class token.
/// Norms stand in front of attention and of the two layers behind it; heads have 64 channels.
class VisionTransformer : public FeatureNetwork {
 public:
  int64_t dimensions() const override { return dimensions_; }
  int64_t classes() const override { return 0; }
  torch::Tensor features(const torch::Tensor& images_u8) override;
  Activations activations(const torch::Tensor& images_u8) override { return {features(images_u8), {}}; }
  void to(torch::Device device) override;

 protected:
  struct Norm {
    torch::Tensor weight, bias;
  };
  struct Linear {
    torch::Tensor weight, bias;  // bias is undefined without one
  };
  struct Block {
    Norm norm1, norm2;
    Linear qkv, out, fc1, fc2;     // qkv is [3 D, D]
    torch::Tensor scale1, scale2;  // [D], of what attention and the layers add; undefined without
  };
  /// All that decides what the network computes.
  struct Parts {
    int64_t side = 224;                      ///< of the images that it takes
    torch::Tensor patch_weight, patch_bias;  // [D, 3, p, p]; the bias may be undefined
    torch::Tensor class_token, positions;    // [D], [1 + patches, D]
    Norm first, last;                        // before and behind all blocks; first is undefined in DINOv2
    std::vector<Block> blocks;
    torch::Tensor projection;                // [features, D]; undefined without
    double epsilon = 1e-6;                   // of norms
    bool quick_gelu = false;                 // x sigmoid(1.702 x) in place of GELU
    bool unit = false;                       // whether features have length 1
    double mean[3] = {}, deviation[3] = {};  // of pixels from 0 to 1
  };
  explicit VisionTransformer(Parts parts);

 private:
  /// Images [N, C, R, R] uint8 as [N, 3, side, side] float32, from 0 to 1.
  virtual torch::Tensor resized(const torch::Tensor& images_u8) const = 0;
  torch::Tensor norm(const torch::Tensor& x, const Norm& norm) const;

 protected:
  Parts parts_;

 private:
  int64_t dimensions_ = 0;
};

/// DINOv2 (Oquab et al. 2023, arXiv 2304.07193), ViT-S/14, B/14 or L/14, whose Fréchet distance is called `fd_dinov2`
/// here, as Stein et al. 2023 (arXiv 2306.04675) measure it with layer6ai-labs/dgm-eval: images are brought to 224
/// pixels by Pillow's bicubic filter.
class DinoV2 : public VisionTransformer {
 public:
  /// Builds the network from the state dict in dinov2_vitl14_pretrain.pth. Throws Error, naming `origin` and the
  /// tensor, if one is missing, unknown or of another shape.
  DinoV2(const TensorFile& weights, const std::string& origin);
  std::string distance_name() const override { return "fd_dinov2"; }

 private:
  torch::Tensor resized(const torch::Tensor& images_u8) const override;
};

/// The image encoder of CLIP (Radford et al. 2021, arXiv 2103.00020), whose embeddings have length 1. With the weights
/// of clip-vit-large-patch14-336, images are resized as Jayasumana et al. 2024 (arXiv 2401.09603) do for CMMD: bicubic
/// (a = -0.75) without antialiasing. The distance is called `fd_clip`.
class Clip : public VisionTransformer {
 public:
  /// Builds the network from a state dict with the names of huggingface/transformers (`vision_model.…` and
  /// `visual_projection.weight`); all others, as of the text encoder, are passed over. Throws Error as DinoV2 does.
  Clip(const TensorFile& weights, const std::string& origin);
  std::string distance_name() const override { return "fd_clip"; }

 private:
  torch::Tensor resized(const torch::Tensor& images_u8) const override;
};

/// Whether a state dict is, or is meant to be, that of DINOv2, or of CLIP.
bool is_dinov2(const TensorFile& weights);
bool is_clip(const TensorFile& weights);

}  // namespace dgl
