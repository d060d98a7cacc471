#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/stylegan2/networks.h"

namespace dgl {

/// Tensor naming scheme of another implementation of StyleGAN2.
enum class TensorNaming {
  rosinality,  ///< rosinality/stylegan2-pytorch
  ada,         ///< NVlabs/stylegan2-ada-pytorch
};

/// What decides which tensors a network has, apart from their sizes.
struct NetworkLayout {
  bool generator = true;
  int64_t resolution = 8;
  int64_t mapping_layers = 1;  ///< 0: a discriminator without labels
  bool labels = false;
  bool residual = true;  ///< of a discriminator
};

/// The layout of the network that a state dict of `naming` seems to hold, from its names alone.
NetworkLayout guess_layout(TensorNaming naming, bool generator, const NamedTensors& tensors);

/// Our names of the tensors of a network, but for the mean latent.
std::vector<std::string> tensor_names(const NetworkLayout& layout);

/// The name in `naming` of the tensor that we call `ours`.
std::string foreign_name(TensorNaming naming, const NetworkLayout& layout, const std::string& ours);

/// A foreign tensor in our shape, and back: rosinality keeps leading and trailing dimensions of 1. `ours` is our
/// name of it. A tensor of an unexpected number of dimensions is left as it is.
torch::Tensor to_our_shape(const std::string& ours, const torch::Tensor& tensor);
torch::Tensor to_rosinality_shape(bool generator, const std::string& ours, const torch::Tensor& tensor);

/// The FIR filters among rosinality's buffers and their gains, which `[1, 3, 3, 1] x [1, 3, 3, 1] / 64` is multiplied
/// by.
std::vector<std::pair<std::string, double>> rosinality_filters(const NetworkLayout& layout);

/// Whether `name` is a filter's in some state dict of `naming`.
bool is_filter_name(TensorNaming naming, const std::string& name);

}  // namespace dgl
