#pragma once

#include <cstdint>
#include <optional>

namespace dgl {

/// Returns the number in an environment variable, or nothing if the variable is not set. Throws Error, naming the
/// variable, if it is not a number from `low` to `high`.
std::optional<int64_t> environment_number(const char* name, int64_t low, int64_t high);

}  // namespace dgl
