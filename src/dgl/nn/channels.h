#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dgl {

/// What the entries along one dimension of a tensor stand for: channels whose number depends on a network's width, one
/// behind the other, and then entries that every width has.
struct ChannelAxis {
  std::string group{};  ///< name of the channels, the same wherever they appear; empty: no width changes this size
  std::vector<std::string> behind{};  ///< groups whose channels follow, as those of feature maps that are concatenated
  bool input = false;                 ///< whether the tensor is a weight that takes these channels for its input
  int64_t repeats = 1;                ///< consecutive entries that belong to one channel
  int64_t extra = 0;                  ///< entries behind those of the channels
  bool evenly = false;      ///< whether evenly spaced channels stay by every rule, as the frequencies of an embedding
  std::string scaled_by{};  ///< tensor [channels] that multiplies an input's channels before; empty: none
};

/// The axes of a network's parameters and buffers by name, one for each dimension. A tensor that is absent has the same
/// size at every width.
using ChannelLayout = std::map<std::string, std::vector<ChannelAxis>>;

}  // namespace dgl
