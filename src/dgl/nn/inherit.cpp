#include "dgl/nn/inherit.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/nn/spectral_norm.h"

namespace dgl {

using torch::Tensor;

namespace {

/// Steps of the power iteration after a weight has lost rows or columns. 30 bring the estimate of a random matrix of
/// this size within a few per cent; training goes on iterating.
constexpr int kSpectralSteps = 30;

using TensorsByName = std::map<std::string, Tensor>;

/// Parameters and buffers, shared with the module.
TensorsByName tensors_of(const torch::nn::Module& module) {
  TensorsByName tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace(item.key(), item.value());
  return tensors;
}

/// The channels of a group: how many the source has and the target keeps.
struct Group {
  int64_t source = 0, target = 0;
};

/// The groups of an axis in their order.
std::vector<std::string> groups_on(const ChannelAxis& axis) {
  std::vector<std::string> names{axis.group};
  names.insert(names.end(), axis.behind.begin(), axis.behind.end());
  return names;
}

/// Sum of absolute weights by channel of the axis `dim` [channels of all its groups], times its scale.
Tensor importance_on(const Tensor& weight, size_t dim, const ChannelAxis& axis, const TensorsByName& tensors) {
  const int64_t channels = (weight.size(static_cast<int64_t>(dim)) - axis.extra) / axis.repeats;
  Tensor sums = weight.abs().transpose(0, static_cast<int64_t>(dim)).flatten(1).sum(1);
  sums = sums.slice(0, 0, channels * axis.repeats).view({channels, axis.repeats}).sum(1);
  return axis.scaled_by.empty() ? sums : sums * tensors.at(axis.scaled_by).abs();
}

/// Chooses the channels that are kept of each group.
class ChannelChoice {
 public:
  ChannelChoice(const std::string& rule, const ChannelLayout& layout, const TensorsByName& source,
                const std::map<std::string, Group>& groups)
      : by_norm_(rule == "norm"), layout_(layout), source_(source), groups_(groups) {}

  /// Indices [target] of the channels of a group that are kept, ascending.
  Tensor kept(const std::string& name) const {
    const Group& group = groups_.at(name);
    const Tensor all = torch::arange(group.target, torch::kLong);
    if (group.source == group.target) return all;
    const Tensor strided = (all * group.source).div(group.target, "floor");
    if (!by_norm_ || !is_made(name)) return strided;
    Tensor sums = torch::zeros({group.source});
    for (const auto& [tensor, axes] : layout_) {
      for (size_t dim = 0; dim < axes.size(); ++dim) {
        if (axes[dim].input) add_importance(sums, name, tensor, dim, axes[dim]);
      }
    }
    // Of equal sums, the first channels stay, on every processor.
    return std::get<0>(
        std::get<1>(sums.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true)).slice(0, 0, group.target).sort());
  }

 private:
  /// Whether a tensor makes the channels of a group, so that its weights may choose among them: its first dimension
  /// counts them. Others are fixed numbers.
  bool is_made(const std::string& name) const {
    return std::any_of(layout_.begin(), layout_.end(), [&](const auto& item) {
      const auto names = groups_on(item.second.at(0));
      return !item.second[0].evenly && std::find(names.begin(), names.end(), name) != names.end();
    });
  }

  /// Adds the importance of the channels of the group `name` on an axis, wherever it stands there.
  void add_importance(Tensor& sums, const std::string& name, const std::string& tensor, size_t dim,
                      const ChannelAxis& axis) const {
    const auto names = groups_on(axis);
    if (std::find(names.begin(), names.end(), name) == names.end()) return;
    const Tensor importance = importance_on(source_.at(tensor).cpu(), dim, axis, source_).cpu();
    int64_t first = 0;
    for (const std::string& each : names) {
      const int64_t channels = groups_.at(each).source;
      if (each == name) sums += importance.slice(0, first, first + channels);
      first += channels;
    }
  }

  bool by_norm_;
  const ChannelLayout& layout_;
  const TensorsByName& source_;
  const std::map<std::string, Group>& groups_;
};

/// Entries that stand for the kept channels and for all that is beside them.
Tensor entries(const std::map<std::string, Tensor>& kept, const std::map<std::string, Group>& groups,
               const ChannelAxis& axis, int64_t source_size) {
  std::vector<Tensor> places;
  int64_t first = 0;  // channel of the source
  for (const std::string& name : groups_on(axis)) {
    const Tensor channels = kept.at(name) + first;
    places.push_back((channels.unsqueeze(1) * axis.repeats + torch::arange(axis.repeats)).flatten());
    first += groups.at(name).source;
  }
  places.push_back(torch::arange(source_size - axis.extra, source_size));
  return at::cat(places);
}

/// Adds the sizes of an axis' groups to `groups`, or checks them. Of several groups one behind the other, only what is
/// left for one more name beside those that are known can be told. Returns false if there are more.
bool add_groups(std::map<std::string, Group>& groups, const std::string& tensor, const ChannelAxis& axis,
                int64_t theirs, int64_t own, const std::string& origin) {
  Group rest{(theirs - axis.extra) / axis.repeats, (own - axis.extra) / axis.repeats};
  const Group all = rest;
  std::string unknown;
  int64_t count = 0;
  for (const std::string& name : groups_on(axis)) {
    if (const auto known = groups.find(name); known != groups.end()) {
      rest.source -= known->second.source;
      rest.target -= known->second.target;
    } else if (unknown.empty() || unknown == name) {
      unknown = name;
      ++count;
    } else {
      return false;
    }
  }
  const bool fits = count == 0
                        ? rest.source == 0 && rest.target == 0
                        : rest.source > 0 && rest.target > 0 && rest.source % count == 0 && rest.target % count == 0;
  if (!fits) {
    fail("{}: tensor {} has {} channels where others of {} have {}", origin, tensor, all.source,
         fmt::join(groups_on(axis), " and "), all.source - rest.source);
  }
  if (count > 0) groups.emplace(unknown, Group{rest.source / count, rest.target / count});
  return true;
}

/// Sizes of all groups, checked.
std::map<std::string, Group> groups_of(const ChannelLayout& layout, const TensorsByName& source,
                                       const TensorsByName& target, const std::string& origin) {
  std::map<std::string, Group> groups;
  struct Place {
    std::string tensor;
    ChannelAxis axis;
    int64_t theirs, own;
  };
  std::vector<Place> places;
  for (const auto& [name, tensor] : source) {
    if (!target.contains(name)) {
      fail("{}: the teacher has a tensor {} and the student none; expected networks of as many layers", origin, name);
    }
  }
  for (const auto& [name, to] : target) {
    const auto found = source.find(name);
    if (found == source.end()) fail("{}: the teacher has no tensor {} for the student to start from", origin, name);
    const Tensor& from = found->second;
    if (from.dim() != to.dim()) {
      fail("{}: tensor {} has {} dimensions, the student's {}", origin, name, from.dim(), to.dim());
    }
    const auto axes = layout.find(name);
    for (int64_t dim = 0; dim < to.dim(); ++dim) {
      const int64_t theirs = from.size(dim), own = to.size(dim);
      const ChannelAxis axis = axes == layout.end() ? ChannelAxis{} : axes->second.at(static_cast<size_t>(dim));
      if (axis.group.empty()) {
        if (theirs != own) {
          fail("{}: tensor {} has size {} along dimension {}, the student's {}, which no width narrows", origin, name,
               theirs, dim, own);
        }
        continue;
      }
      if (theirs < own) {
        fail("{}: tensor {} has {} channels, fewer than the student's {}; expected a teacher at least as wide", origin,
             name, (theirs - axis.extra) / axis.repeats, (own - axis.extra) / axis.repeats);
      }
      places.push_back({name, axis, theirs, own});
    }
  }
  // Axes of one group tell its size; those of several are then told or checked by them.
  while (!places.empty()) {
    std::vector<Place> later;
    for (Place& place : places) {
      if (!add_groups(groups, place.tensor, place.axis, place.theirs, place.own, origin)) later.push_back(place);
    }
    if (later.size() == places.size()) {
      throw InternalError("the sizes of the channel groups of " + later[0].tensor + " cannot be told");
    }
    places = std::move(later);
  }
  return groups;
}

}  // namespace

std::vector<std::string> channel_rule_names() { return {"strided", "norm"}; }

std::map<std::string, Tensor> kept_channels(const Network& source, const Network& target, const std::string& rule,
                                            const std::string& origin) {
  const torch::NoGradGuard no_grad;
  const auto rules = channel_rule_names();
  if (std::find(rules.begin(), rules.end(), rule) == rules.end()) {
    fail("student.keep_channels = \"{}\": expected {}", rule, fmt::join(rules, " or "));
  }
  const ChannelLayout layout = target.channel_layout();
  const TensorsByName from = tensors_of(source);
  const auto groups = groups_of(layout, from, tensors_of(target), origin);
  const ChannelChoice choice(rule, layout, from, groups);
  std::map<std::string, Tensor> kept;
  for (const auto& [name, group] : groups) kept.emplace(name, choice.kept(name));
  return kept;
}

void inherit_weights(const Network& source, Network& target, const std::string& rule, const std::string& origin) {
  const torch::NoGradGuard no_grad;
  const auto kept = kept_channels(source, target, rule, origin);
  const ChannelLayout layout = target.channel_layout();
  const TensorsByName from = tensors_of(source);
  const auto groups = groups_of(layout, from, tensors_of(target), origin);
  for (auto [name, tensor] : tensors_of(target)) {
    Tensor value = from.at(name);
    if (const auto axes = layout.find(name); axes != layout.end()) {
      for (int64_t dim = 0; dim < value.dim(); ++dim) {
        const ChannelAxis& axis = axes->second.at(static_cast<size_t>(dim));
        if (axis.group.empty() || value.size(dim) == tensor.size(dim)) continue;
        value = value.index_select(dim, entries(kept, groups, axis, value.size(dim)).to(value.device()));
      }
    }
    tensor.copy_(value);
  }
  for (const auto& item : target.named_modules()) {
    auto* spectral = dynamic_cast<SpectralWeight*>(item.value().get());
    if (spectral && from.at(item.key() + ".weight").sizes() != spectral->weight().sizes()) {
      spectral->iterate(kSpectralSteps);
    }
  }
}

}  // namespace dgl
