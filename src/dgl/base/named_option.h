#pragma once

#include <string>
#include <vector>

namespace dgl {

/// A variant chosen by name, with its arguments: "cosine:0.2" or "piecewise:0=0,1=1".
struct NamedOption {
  std::string name;
  std::vector<std::string> arguments;  ///< the texts between commas; empty without a colon

  /// Argument number `i` as a number in low … high, or `default_value` where it is not given. Error that names `key`.
  double number(size_t i, double default_value, double low, double high, const std::string& key) const;
  /// Error that names `key` if there are more than `most` arguments.
  void expect_at_most(size_t most, const std::string& key) const;
};

/// Splits NAME[:ARGUMENT,…].
NamedOption parse_named_option(const std::string& text);

/// A whole text as a number. Error that names `key` if it is none.
double parse_number(const std::string& text, const std::string& key);

}  // namespace dgl
