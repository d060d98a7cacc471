#pragma once

#include <map>
#include <string>
#include <vector>

#include "dgl/nn/network.h"

namespace dgl {

/// Names of the rules by which a narrow network chooses the channels that it keeps of a wide one, C' of C:
///
///     strided   channels floor(i * C / C') for i < C': a function of the sizes alone
///     norm      the C' channels with the largest sum of absolute weights among the tensors that take them for input,
///               times the scale that modulates them, as in GAN Compression (Li et al. 2020, arXiv 2003.08936);
///               strided for what no tensor makes, as the frequencies of an embedding
std::vector<std::string> channel_rule_names();

/// The channels of `source` that `target` keeps by `rule`: indices [C'], ascending, by the name of their group in
/// target.channel_layout(). Throws Error as inherit_weights() does.
std::map<std::string, torch::Tensor> kept_channels(const Network& source, const Network& target,
                                                   const std::string& rule, const std::string& origin);

/// Gives `target` the weights and buffers of `source`, a network of the same kind and of the same or a larger width:
/// every dimension that is smaller in `target` keeps the channels that `rule` chooses, in their order, the same
/// wherever a channel appears (Network::channel_layout). Tensors of equal size are equal to the bit. Vectors of
/// spectral norms are iterated until they fit the kept weights.
///
/// Throws Error, which names `origin` and the tensor, if one network has a tensor that the other lacks, if a dimension
/// of `source` is smaller, or if sizes differ where no width may change them. `target` is then unchanged.
void inherit_weights(const Network& source, Network& target, const std::string& rule, const std::string& origin);

}  // namespace dgl
