#pragma once

#include <string>
#include <vector>

#include "nets/stylegan2.h"

namespace dgl {

/// How another implementation names the tensors of a network, told in our names.
enum class Dialect {
  rosinality,  ///< rosinality/stylegan2-pytorch
  ada,         ///< NVlabs/stylegan2-ada-pytorch
  biggan,      ///< ajbrock/BigGAN-PyTorch, whose names are ours too; what follows below is about the others
};

/// "stylegan2-pytorch", "stylegan2-ada-pytorch", "biggan-pytorch".
const char* dialect_name(Dialect dialect);

/// What decides which tensors a network has, apart from their sizes.
struct Skeleton {
  bool generator = true;
  int64_t resolution = 8;
  int64_t mapping_layers = 1;  ///< 0: a discriminator without labels
  bool labels = false;
  bool residual = true;        ///< of a discriminator
};

/// The skeleton of the network that a state dict of `dialect` seems to hold, from its names alone.
Skeleton guess_skeleton(Dialect dialect, bool generator, const NamedTensors& tensors);

/// Our names of the tensors of a network, but for the mean latent.
std::vector<std::string> tensor_names(const Skeleton& skeleton);

/// The dialect's name of the tensor that we call `ours`.
std::string foreign_name(Dialect dialect, const Skeleton& skeleton, const std::string& ours);

/// A tensor of a dialect in our shape, and back: rosinality keeps leading and trailing dimensions of 1. `ours` is our
/// name of it. A tensor of an unexpected number of dimensions is left as it is.
torch::Tensor to_our_shape(const std::string& ours, const torch::Tensor& tensor);
torch::Tensor to_rosinality_shape(bool generator, const std::string& ours, const torch::Tensor& tensor);

/// The FIR filters among rosinality's buffers and their gains, which `[1, 3, 3, 1] x [1, 3, 3, 1] / 64` is multiplied by.
std::vector<std::pair<std::string, double>> rosinality_filters(const Skeleton& skeleton);

/// Whether `name` is a filter's in some state dict of `dialect`.
bool is_filter_name(Dialect dialect, const std::string& name);

}  // namespace dgl
