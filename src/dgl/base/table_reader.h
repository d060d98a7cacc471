#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dgl {

/// The one reader of tables: a JSON object or TOML table that came from a file, read key by key. The readers that
/// return an optional give nothing for a key that is absent or null. Throws Error that names the file and the key's
/// path for a value of another type or out of range, and, if the key is required, for one that is absent.
class TableReader {
 public:
  /// An empty table.
  TableReader() = default;
  /// Parses JSON text, which must be one object. `where` names it in messages: a file, or a file and a line.
  TableReader(const std::string& text, const std::string& where);
  /// Reads an object that was parsed before. `path` stands before the keys in messages.
  TableReader(nlohmann::json object, std::string where, std::string path);

  bool empty() const { return value_.empty(); }
  /// A required whole number, low … high.
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  /// The same, or `default_value` if the key is absent.
  int64_t integer_or(const std::string& key, int64_t default_value, int64_t low, int64_t high) const;
  /// A required text.
  std::string required_text(const std::string& key) const;
  /// A required list of at most `max_count` whole numbers, each low … high.
  std::vector<int64_t> integers(const std::string& key, int64_t low, int64_t high, size_t max_count) const;
  /// The value of a key of any type; null if it is absent.
  const nlohmann::json* find(const std::string& key) const;
  /// Throws Error, "{where}: {path}{key} is not a key of {what}", for a key that no call has asked for.
  void expect_no_more(const std::string& what) const;

  std::optional<double> number(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  TableReader object(const std::string& key) const;
  std::vector<TableReader> objects(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  /// An array of arrays of `width` numbers or more.
  std::vector<std::vector<double>> rows(const std::string& key, size_t width) const;
  /// The texts of an object of texts, in the order of their names.
  std::vector<std::pair<std::string, std::string>> texts() const;
  /// The numbers of an object of numbers, in the order of their names. Error if there are more than `most`.
  std::vector<std::pair<std::string, double>> numbers(size_t most) const;

 private:
  [[noreturn]] void wrong_type(const std::string& key, const char* expected) const;

  nlohmann::json value_ = nlohmann::json::object();
  std::string where_, path_;
  mutable std::set<std::string> read_;
};

}  // namespace dgl
