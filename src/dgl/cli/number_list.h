#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dgl {

/// Reads whole numbers of 0 or more, and ranges of them with both ends: "1-64", "1,5,9-12". They keep their order and
/// may repeat. Throws Error, which names `option`, for other text, for a range that ends before it begins, and for more
/// than `most` numbers.
std::vector<int64_t> parse_number_list(const std::string& text, const std::string& option, size_t most = 100000);

}  // namespace dgl
