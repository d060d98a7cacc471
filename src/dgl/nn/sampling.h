#pragma once

#include <cstdint>
#include <functional>

#include "dgl/base/torch.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// What is drawn from a sampler, to look at it or to measure it.
struct DrawOptions {
  int64_t count = 5000;
  int64_t batch = 0;  ///< images drawn at once; 0: 64, fewer above 256 px to bound the memory of their feature maps
  uint64_t seed = 0;  ///< conditions are a function of it alone, whatever the batch
  double psi = 1;
  torch::Device device = torch::kCPU;
  torch::Tensor label_shares{};  ///< [classes] how often each label is drawn; undefined: uniform
  /// [M, C, H, W] images for a sampler that takes some, in turn: float32 in -1 … 1, or uint8, which take a quarter of
  /// the memory.
  torch::Tensor inputs{};
  /// Whether the noise within the network is drawn anew for every image, from a random stream of `seed` of its own. The
  /// images are then a function of seed, batch and device. False: the network's stored noise.
  bool random_noise = false;
};

/// Latents [count, ...] of a seed, drawn on the CPU so that every device gets the same; undefined if the sampler takes
/// none.
torch::Tensor draw_latents(const SampleSpec& spec, int64_t count, uint64_t seed);

/// Labels [count] of a seed on the CPU, as often as `shares` says (undefined: uniform); undefined if the sampler takes
/// none.
torch::Tensor draw_labels(const SampleSpec& spec, int64_t count, uint64_t seed, const torch::Tensor& shares = {});

/// All that `options.count` images are made from: latents, labels and input images.
Condition draw_condition(const SampleSpec& spec, const DrawOptions& options);

/// Sampler::sample of a condition, whose images may be uint8, wherever its tensors are, batch by batch on the options'
/// device: all images [N, C, H, W] on the CPU, contiguous. Takes batch, psi and device of the options, and seed if
/// random_noise is set.
torch::Tensor sample_images(Sampler& sampler, const Condition& condition, const DrawOptions& options);

/// StyleSampler::synthesize of ws [N, num_ws, w_dim] of a sampler that has styles, with the stored noise, as
/// sample_images() draws a condition. psi does not apply.
torch::Tensor draw_styles(Sampler& sampler, const torch::Tensor& ws, const DrawOptions& options);

/// Calls `use` with the images of each batch of sample_images(), on the options' device, and the index of the first of
/// them among all.
void sample_in_batches(Sampler& sampler, const Condition& condition, const DrawOptions& options,
                       const std::function<void(const torch::Tensor& images, int64_t first)>& use);

}  // namespace dgl
