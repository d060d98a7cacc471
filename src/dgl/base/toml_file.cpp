#include "dgl/base/toml_file.h"

#include <toml++/toml.h>

#include "dgl/base/error.h"

namespace dgl {

namespace {

nlohmann::json to_json(const toml::node& node, const std::string& origin) {
  if (const auto* table = node.as_table()) {
    nlohmann::json object = nlohmann::json::object();
    for (const auto& [key, value] : *table) object[std::string(key.str())] = to_json(value, origin);
    return object;
  }
  if (const auto* array = node.as_array()) {
    nlohmann::json list = nlohmann::json::array();
    for (const toml::node& item : *array) list.push_back(to_json(item, origin));
    return list;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return integer->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  fail("{}: line {}: a date or time, which no key takes", origin, node.source().begin.line);
}

}  // namespace

nlohmann::json parse_toml(const std::string& text, const std::string& origin) {
  try {
    return to_json(toml::parse(text), origin);
  } catch (const toml::parse_error& error) {
    fail("{}: line {}: not TOML: {}", origin, error.source().begin.line, error.description());
  }
}

std::optional<nlohmann::json> parse_toml_value(const std::string& text) {
  try {
    return to_json(*toml::parse("value = " + text).get("value"), "");
  } catch (const toml::parse_error&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace dgl
