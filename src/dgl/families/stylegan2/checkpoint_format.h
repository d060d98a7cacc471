#pragma once

#include <string>
#include <vector>

#include "dgl/families/stylegan2/networks.h"

namespace dgl {

/// How another implementation names the tensors of a network, told in our names.
enum class CheckpointFormat {
  rosinality,  ///< rosinality/stylegan2-pytorch
  ada,         ///< NVlabs/stylegan2-ada-pytorch
  biggan,      ///< ajbrock/BigGAN-PyTorch, whose names are ours too; what follows below is about the others
};

/// "stylegan2-pytorch", "stylegan2-ada-pytorch", "biggan-pytorch".
const char* format_name(CheckpointFormat format);

/// What decides which tensors a network has, apart from their sizes.
struct NetworkLayout {
  bool generator = true;
  int64_t resolution = 8;
  int64_t mapping_layers = 1;  ///< 0: a discriminator without labels
  bool labels = false;
  bool residual = true;  ///< of a discriminator
};

/// The layout of the network that a state dict of `format` seems to hold, from its names alone.
NetworkLayout guess_layout(CheckpointFormat format, bool generator, const NamedTensors& tensors);

/// Our names of the tensors of a network, but for the mean latent.
std::vector<std::string> tensor_names(const NetworkLayout& layout);

/// The format's name of the tensor that we call `ours`.
std::string foreign_name(CheckpointFormat format, const NetworkLayout& layout, const std::string& ours);

/// A tensor of a format in our shape, and back: rosinality keeps leading and trailing dimensions of 1. `ours` is our
/// name of it. A tensor of an unexpected number of dimensions is left as it is.
torch::Tensor to_our_shape(const std::string& ours, const torch::Tensor& tensor);
torch::Tensor to_rosinality_shape(bool generator, const std::string& ours, const torch::Tensor& tensor);

/// The FIR filters among rosinality's buffers and their gains, which `[1, 3, 3, 1] x [1, 3, 3, 1] / 64` is multiplied
/// by.
std::vector<std::pair<std::string, double>> rosinality_filters(const NetworkLayout& layout);

/// Whether `name` is a filter's in some state dict of `format`.
bool is_filter_name(CheckpointFormat format, const std::string& name);

}  // namespace dgl
