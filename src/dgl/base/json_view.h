#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A JSON object that was read from a file, looked at key by key. A key that is absent or null gives nothing; one of
/// another type than asked for is an Error that names the file and the key's path.
class JsonView {
 public:
  /// An object with no keys.
  JsonView() = default;
  /// Parses `text`, which must be one object. `where` names it in errors: a file, or a file and a line.
  JsonView(const std::string& text, const std::string& where);

  bool empty() const { return value_.empty(); }
  std::optional<double> number(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  JsonView object(const std::string& key) const;
  std::vector<JsonView> objects(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  /// An array of arrays of `width` numbers or more.
  std::vector<std::vector<double>> rows(const std::string& key, size_t width) const;
  /// The texts of an object of texts, in the order of their names.
  std::vector<std::pair<std::string, std::string>> texts() const;
  /// The numbers of an object of numbers, in the order of their names. Error if there are more than `most`.
  std::vector<std::pair<std::string, double>> numbers(size_t most) const;

 private:
  JsonView(nlohmann::json value, std::string where, std::string path)
      : value_(std::move(value)), where_(std::move(where)), path_(std::move(path)) {}
  const nlohmann::json* find(const std::string& key) const;
  [[noreturn]] void wrong_type(const std::string& key, const char* expected) const;

  nlohmann::json value_ = nlohmann::json::object();
  std::string where_, path_;
};

}  // namespace dgl
