#include "dgl/base/json_view.h"

#include "dgl/base/error.h"
#include "dgl/base/json.h"

namespace dgl {

JsonView::JsonView(const std::string& text, const std::string& where) : where_(where) {
  std::string why;
  value_ = parse_json(text, &why);
  if (value_.is_discarded()) fail("{}: malformed JSON: {}", where, why);
  if (!value_.is_object()) fail("{}: expected a JSON object, got {}", where, value_.type_name());
}

const nlohmann::json* JsonView::find(const std::string& key) const {
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

void JsonView::wrong_type(const std::string& key, const char* expected) const {
  fail("{}: key {}{}: expected {}, got {}", where_, path_, key, expected, value_.at(key).type_name());
}

std::optional<double> JsonView::number(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number()) wrong_type(key, "a number");
  return value->get<double>();
}

std::optional<std::string> JsonView::text(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) wrong_type(key, "a string");
  return value->get<std::string>();
}

std::optional<bool> JsonView::boolean(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) wrong_type(key, "true or false");
  return value->get<bool>();
}

JsonView JsonView::object(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return JsonView();
  if (!value->is_object()) wrong_type(key, "an object");
  return JsonView(*value, where_, path_ + key + ".");
}

std::vector<JsonView> JsonView::objects(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  if (!value->is_array()) wrong_type(key, "an array");
  std::vector<JsonView> items;
  for (const nlohmann::json& item : *value) {
    const std::string path = fmt::format("{}{}[{}]", path_, key, items.size());
    if (!item.is_object()) fail("{}: key {}: expected an object, got {}", where_, path, item.type_name());
    items.push_back(JsonView(item, where_, path + "."));
  }
  return items;
}

std::vector<std::string> JsonView::texts(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  const auto is_text = [](const nlohmann::json& item) { return item.is_string(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_text)) wrong_type(key, "an array of strings");
  return value->get<std::vector<std::string>>();
}

std::vector<std::pair<std::string, std::string>> JsonView::texts() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& item : value_.items()) {
    if (const auto value = text(item.key())) all.emplace_back(item.key(), *value);
  }
  return all;
}

std::vector<std::vector<double>> JsonView::rows(const std::string& key, size_t width) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  const auto is_number = [](const nlohmann::json& item) { return item.is_number(); };
  const auto is_row = [&](const nlohmann::json& item) {
    return item.is_array() && item.size() >= width && std::all_of(item.begin(), item.end(), is_number);
  };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_row)) {
    fail("{}: key {}{}: expected an array of arrays of {} numbers", where_, path_, key, width);
  }
  return value->get<std::vector<std::vector<double>>>();
}

std::vector<std::pair<std::string, double>> JsonView::numbers(size_t most) const {
  if (value_.size() > most) fail("{}: key {}: expected at most {} entries, got {}", where_, path_, most, value_.size());
  std::vector<std::pair<std::string, double>> all;
  for (const auto& item : value_.items()) {
    if (const auto value = number(item.key())) all.emplace_back(item.key(), *value);
  }
  return all;
}

}  // namespace dgl
