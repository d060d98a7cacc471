#include "dgl/base/table_reader.h"

#include <algorithm>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/json.h"

namespace dgl {

TableReader::TableReader(const std::string& text, const std::string& where) : where_(where), path_("key ") {
  std::string why;
  value_ = parse_json(text, &why);
  if (value_.is_discarded()) fail_file("{}: malformed JSON: {}", where, why);
  if (!value_.is_object()) fail_file("{}: expected a JSON object, got {}", where, value_.type_name());
}

TableReader::TableReader(nlohmann::json object, std::string where, std::string path)
    : value_(std::move(object)), where_(std::move(where)), path_(std::move(path)) {
  if (!value_.is_object()) fail_file("{}: {}expected an object, got {}", where_, path_, value_.type_name());
}

const nlohmann::json* TableReader::find(const std::string& key) const {
  read_.insert(key);
  const auto found = value_.find(key);
  return found == value_.end() || found->is_null() ? nullptr : &*found;
}

void TableReader::wrong_type(const std::string& key, const char* expected) const {
  const auto found = value_.find(key);
  fail_file("{}: {}{}: expected {}{}", where_, path_, key, expected,
            found == value_.end() ? "" : fmt::format(", got {}", found->type_name()));
}

int64_t TableReader::integer(const std::string& key, int64_t low, int64_t high) const {
  const nlohmann::json* value = find(key);
  if (!value || !value->is_number_integer()) wrong_type(key, "a whole number");
  const auto number = value->get<int64_t>();
  if (number < low || number > high) {
    fail_file("{}: {}{} = {}: expected {} to {}", where_, path_, key, number, low, high);
  }
  return number;
}

int64_t TableReader::integer_or(const std::string& key, int64_t default_value, int64_t low, int64_t high) const {
  return find(key) ? integer(key, low, high) : default_value;
}

std::string TableReader::required_text(const std::string& key) const {
  const auto value = text(key);
  if (!value) wrong_type(key, "a text in quotes");
  return *value;
}

std::vector<int64_t> TableReader::integers(const std::string& key, int64_t low, int64_t high, size_t max_count) const {
  const nlohmann::json* value = find(key);
  const auto fits = [&](const nlohmann::json& item) {
    return item.is_number_integer() && item.get<int64_t>() >= low && item.get<int64_t>() <= high;
  };
  if (!value || !value->is_array() || value->size() > max_count || !std::all_of(value->begin(), value->end(), fits)) {
    fail_file("{}: {}{}: expected at most {} whole numbers, {} to {}", where_, path_, key, max_count, low, high);
  }
  return value->get<std::vector<int64_t>>();
}

void TableReader::expect_no_more(const std::string& what) const {
  for (const auto& [key, value] : value_.items()) {
    if (!read_.count(key)) fail_file("{}: {}{} is not a key of {}", where_, path_, key, what);
  }
}

std::optional<double> TableReader::number(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_number()) wrong_type(key, "a number");
  return value->get<double>();
}

std::optional<std::string> TableReader::text(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_string()) wrong_type(key, "a text in quotes");
  return value->get<std::string>();
}

std::optional<bool> TableReader::boolean(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) wrong_type(key, "true or false");
  return value->get<bool>();
}

TableReader TableReader::object(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return TableReader();
  if (!value->is_object()) wrong_type(key, "an object");
  return TableReader(*value, where_, path_ + key + ".");
}

std::vector<TableReader> TableReader::objects(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  if (!value->is_array()) wrong_type(key, "an array");
  std::vector<TableReader> items;
  for (const nlohmann::json& item : *value) {
    const std::string path = fmt::format("{}{}[{}]", path_, key, items.size());
    if (!item.is_object()) fail_file("{}: {}: expected an object, got {}", where_, path, item.type_name());
    items.push_back(TableReader(item, where_, path + "."));
  }
  return items;
}

std::vector<std::string> TableReader::texts(const std::string& key) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  const auto is_text = [](const nlohmann::json& item) { return item.is_string(); };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_text)) wrong_type(key, "an array of strings");
  return value->get<std::vector<std::string>>();
}

std::vector<std::pair<std::string, std::string>> TableReader::texts() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const auto& item : value_.items()) {
    if (const auto value = text(item.key())) all.emplace_back(item.key(), *value);
  }
  return all;
}

std::vector<std::vector<double>> TableReader::rows(const std::string& key, size_t width) const {
  const nlohmann::json* value = find(key);
  if (!value) return {};
  const auto is_number = [](const nlohmann::json& item) { return item.is_number(); };
  const auto is_row = [&](const nlohmann::json& item) {
    return item.is_array() && item.size() >= width && std::all_of(item.begin(), item.end(), is_number);
  };
  if (!value->is_array() || !std::all_of(value->begin(), value->end(), is_row)) {
    fail_file("{}: {}{}: expected an array of arrays of {} numbers", where_, path_, key, width);
  }
  return value->get<std::vector<std::vector<double>>>();
}

std::vector<std::pair<std::string, double>> TableReader::numbers(size_t most) const {
  if (value_.size() > most)
    fail_file("{}: {}: expected at most {} entries, got {}", where_, path_, most, value_.size());
  std::vector<std::pair<std::string, double>> all;
  for (const auto& item : value_.items()) {
    if (const auto value = number(item.key())) all.emplace_back(item.key(), *value);
  }
  return all;
}

}  // namespace dgl
