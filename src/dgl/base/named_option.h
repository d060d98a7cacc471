#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dgl {

/// A variant chosen by name, with its arguments: "cosine:0.2" or "piecewise:0=0,1=1".
struct NamedOption {
  std::string name;
  std::vector<std::string> arguments;  ///< the texts between commas; empty without a colon

  /// Returns argument `i`, or `default_value` if it is not given. Throws Error, naming `key`, if the argument is not a
  /// number from `low` to `high`.
  double number(size_t i, double default_value, double low, double high, const std::string& key) const;
  /// Throws Error, naming `key`, if there are more than `most` arguments.
  void expect_at_most(size_t most, const std::string& key) const;
};

/// Parses NAME[:ARGUMENT,…].
NamedOption parse_named_option(const std::string& text);

/// Parses a list of whole numbers above 0, as "1,2,4"; "" is an empty one. Throws Error, naming `key`, for other text.
std::vector<int64_t> parse_whole_numbers(const std::string& text, const std::string& key);

/// Converts a whole text to a number. Throws Error, naming `key`, if it is not a finite number.
double parse_number(const std::string& text, const std::string& key);

}  // namespace dgl
