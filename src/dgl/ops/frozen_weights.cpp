#include "dgl/ops/frozen_weights.h"

#include <ATen/core/grad_mode.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"

namespace dgl::ops {

using torch::Tensor;

struct FrozenWeights::Kept {
  using Key = std::tuple<const void*, std::string, std::vector<int64_t>, std::vector<int64_t>>;
  struct Entry {
    Tensor weight;  // held so that its memory is not reused
    Tensor derived;
  };
  std::map<Key, Entry> entries;
};

thread_local FrozenWeights::Kept* FrozenWeights::kept_ = nullptr;

FrozenWeights::FrozenWeights() {
  if (kept_) return;
  own_ = std::make_unique<Kept>();
  kept_ = own_.get();
}

FrozenWeights::~FrozenWeights() {
  if (own_) kept_ = nullptr;
}

Tensor FrozenWeights::derived(const Tensor& weight, const char* name, const std::function<Tensor()>& make) {
  if (!kept_ || at::GradMode::is_enabled()) return make();
  Kept::Key key{weight.data_ptr(), name, weight.sizes().vec(), weight.strides().vec()};
  auto found = kept_->entries.find(key);
  if (found == kept_->entries.end()) found = kept_->entries.emplace(std::move(key), Kept::Entry{weight, make()}).first;
  return found->second.derived;
}

}  // namespace dgl::ops
