#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dgl {

/// XXH64 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md): a fast hash of 64 bits to tell contents apart and to
/// notice damage; not made against an adversary.
uint64_t xxh64(const void* data, size_t size, uint64_t seed = 0);

/// 16 hexadecimal digits.
std::string hex64(uint64_t value);

}  // namespace dgl
