#pragma once

#include <string>

#include "dgl/base/torch.h"

namespace dgl::test {

/// Numbers that any program can make again: MurmurHash3's finaliser of index * 2654435761 + salt, modulo 2^32.
inline uint32_t hashed(uint64_t index, uint32_t salt) {
  uint32_t x = static_cast<uint32_t>(index * 2654435761u + salt);
  x ^= x >> 16;
  x *= 0x85ebca6b;
  x ^= x >> 13;
  x *= 0xc2b2ae35;
  return x ^ (x >> 16);
}

/// FNV-1a of a name, a salt for hashed().
inline uint32_t salt_of(const std::string& name) {
  uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return h;
}

/// Hashed numbers in -1 … 1, float64, of indices 0, 1, … in C order.
inline torch::Tensor hashed_tensor(at::IntArrayRef sizes, uint32_t salt) {
  torch::Tensor out = torch::empty(sizes, torch::kDouble);
  auto* at = out.data_ptr<double>();
  for (int64_t i = 0; i < out.numel(); ++i) at[i] = hashed(static_cast<uint64_t>(i), salt) / 2147483648.0 - 1;
  return out;
}

}  // namespace dgl::test
