#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dgl {

/// Returns the XXH64 hash of `size` bytes (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md). It is a fast 64-bit
/// hash to compare contents and to detect damage. It does not resist an adversary.
uint64_t xxh64(const void* data, size_t size, uint64_t seed = 0);

/// Returns `value` as 16 hexadecimal digits.
std::string hex64(uint64_t value);

}  // namespace dgl
