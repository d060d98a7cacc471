#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

namespace dgl {

/// One key of a configuration: its name, what it may hold, and the variable that holds it.
struct ConfigKey {
  std::string table;  ///< "" for the top of the file
  std::string name;
  std::variant<int64_t*, double*, bool*, std::string*> value;
  std::string help;                       ///< what it means, in one line of the documentation
  double low = 0, high = 0;               ///< range of a number, both ends allowed
  std::vector<std::string> choices = {};  ///< values of a text; empty: any

  /// "table.name".
  std::string full_name() const { return table.empty() ? name : table + "." + name; }
  bool takes_text() const { return std::holds_alternative<std::string*>(value); }
  /// Assigns a value read from a file. Throws Error (naming `origin` and the key) for another type or out of range.
  void assign(const nlohmann::json& node, const std::string& origin) const;
  /// Whether `node` is the value that the variable holds now.
  bool holds(const nlohmann::json& node) const;
  /// The value as TOML writes it.
  std::string toml() const;
};

/// The key called `table`.`name`; null if there is none.
const ConfigKey* find_key(const std::vector<ConfigKey>& keys, const std::string& table, const std::string& name);

}  // namespace dgl
