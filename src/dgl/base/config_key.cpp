#include "dgl/base/config_key.h"

#include <toml++/toml.h>
#include <algorithm>
#include <sstream>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"

namespace dgl {

void ConfigKey::assign(const nlohmann::json& node, const std::string& origin) const {
  const std::string key = full_name();
  if (auto* text = std::get_if<std::string*>(&value)) {
    if (!node.is_string()) fail("{}: {}: expected a text in quotes", origin, key);
    const auto given = bytes_of(node.get<std::string>());
    if (!choices.empty() && std::find(choices.begin(), choices.end(), given) == choices.end()) {
      fail("{}: {} = \"{}\": expected {}", origin, key, given, fmt::join(choices, " or "));
    }
    **text = given;
  } else if (auto* flag = std::get_if<bool*>(&value)) {
    if (!node.is_boolean()) fail("{}: {}: expected true or false", origin, key);
    **flag = node.get<bool>();
  } else if (auto* integer = std::get_if<int64_t*>(&value)) {
    if (!node.is_number_integer()) fail("{}: {}: expected a whole number", origin, key);
    const auto given = node.get<int64_t>();
    if (static_cast<double>(given) < low || static_cast<double>(given) > high) {
      fail("{}: {} = {}: expected {} to {}", origin, key, given, low, high);
    }
    **integer = given;
  } else {
    if (!node.is_number()) fail("{}: {}: expected a number", origin, key);
    const auto given = node.get<double>();
    if (!(given >= low && given <= high)) fail("{}: {} = {}: expected {} to {}", origin, key, given, low, high);
    *std::get<double*>(value) = given;
  }
}

bool ConfigKey::holds(const nlohmann::json& node) const {
  return std::visit([&](auto* held) { return nlohmann::json(*held) == node; }, value);
}

std::string ConfigKey::toml() const {
  // Debian's build of toml++ writes 17 digits of every number, so that 0.3 becomes 0.29999999999999999.
  return std::visit(
      [](auto* held) {
        using T = std::decay_t<decltype(*held)>;
        if constexpr (std::is_same_v<T, double>) {
          const std::string digits = fmt::format("{}", *held);
          return digits + (digits.find_first_of(".en") == std::string::npos ? ".0" : "");
        } else {
          std::ostringstream text;
          if constexpr (std::is_same_v<T, std::string>) {
            text << toml::value<T>(utf8_of(*held));
          } else {
            text << toml::value<T>(*held);
          }
          return text.str();
        }
      },
      value);
}

const ConfigKey* find_key(const std::vector<ConfigKey>& keys, const std::string& table, const std::string& name) {
  for (const ConfigKey& key : keys) {
    if (key.table == table && key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace dgl
