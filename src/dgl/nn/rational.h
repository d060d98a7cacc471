#pragma once

#include <cstdint>
#include <string>

namespace dgl {

/// A width: the share of the teacher's feature maps that a layer keeps, as a ratio of small whole numbers.
struct Rational {
  int64_t numerator = 1, denominator = 1;

  /// Parses "1", "1/2" or "3/8". Throws Error, naming `key`, for other text or for a value not in (0, 1].
  static Rational parse(const std::string& text, const std::string& key);
  std::string text() const;
  /// Returns floor(n * this).
  int64_t of(int64_t n) const { return n * numerator / denominator; }
};

}  // namespace dgl
