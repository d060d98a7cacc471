#pragma once

#include <functional>

#include "dgl/nn/network.h"

namespace dgl {

/// What is drawn from a generator to measure it.
struct SampleOptions {
  int64_t count = 5000;
  int64_t batch = 0;  ///< drawn at once; 0: 64, fewer above 256 px, since their feature maps must find room
  uint64_t seed = 0;  ///< latents are a function of it alone, whatever the batch
  double psi = 1;
  torch::Device device = torch::kCPU;
  torch::Tensor label_shares;  ///< [classes] how often each label is drawn; undefined: each as often as the others
};

/// Latents [count, z_dim] of a seed, drawn on the CPU so that every device gets the same.
torch::Tensor draw_latents(const Generator& generator, int64_t count, uint64_t seed);

/// Labels [count] of a seed on the CPU, as often as `shares` says (undefined: each as likely as the others); undefined
/// for an unconditional generator.
torch::Tensor draw_labels(const Generator& generator, int64_t count, uint64_t seed, const torch::Tensor& shares = {});

/// Generator::sample of latents z [N, z_dim] and labels [N] (undefined for an unconditional generator), wherever they
/// are, batch by batch on the options' device: all images [N, C, R, R] on the CPU, contiguous. Of the options it takes
/// batch, psi and device.
torch::Tensor sample_images(Generator& generator, const torch::Tensor& z, const torch::Tensor& labels,
                            const SampleOptions& options);

/// Calls `use` with the images of each batch of sample_images, on the options' device, and the index of the first of
/// them among all.
void sample_in_batches(Generator& generator, const torch::Tensor& z, const torch::Tensor& labels,
                       const SampleOptions& options,
                       const std::function<void(const torch::Tensor& images, int64_t first)>& use);

}  // namespace dgl
