#pragma once

#include <cstdint>
#include <optional>

namespace dgl {

/// The number that an environment variable holds; nothing where it is not set. Error, naming it, where it is not a
/// number from `low` to `high`.
std::optional<int64_t> environment_number(const char* name, int64_t low, int64_t high);

}  // namespace dgl
