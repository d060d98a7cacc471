#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

namespace dgl {

/// A key of a configuration: its name, its allowed values and the variable that stores it.
struct ConfigKey {
  std::string table;  ///< "" for a key at the top of the file
  std::string name;
  std::variant<int64_t*, double*, bool*, std::string*> value;
  std::string help = {};                  ///< its meaning, in one line for the documentation
  double low = 0, high = 0;               ///< range of a number, inclusive
  std::vector<std::string> choices = {};  ///< allowed values of a text; empty: any

  /// Returns "table.name", or the name alone if there is no table.
  std::string full_name() const { return table.empty() ? name : table + "." + name; }
  bool takes_text() const { return std::holds_alternative<std::string*>(value); }
  /// Assigns a value read from a file. Throws Error, naming `origin` and the key, if its type is wrong or it is not an
  /// allowed value.
  void assign(const nlohmann::json& node, const std::string& origin) const;
  /// Returns true if `node` equals the variable's current value.
  bool holds(const nlohmann::json& node) const;
  /// Returns the value in TOML syntax.
  std::string toml() const;
};

/// Returns the key called `table`.`name`, or null if there is none.
const ConfigKey* find_key(const std::vector<ConfigKey>& keys, const std::string& table, const std::string& name);

}  // namespace dgl
