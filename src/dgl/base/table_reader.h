#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace dgl {

/// Reads a JSON object or TOML table that came from a file, key by key. Functions that return an optional give nothing
/// if the key is absent or null. Throws Error, naming the file and the key's path, if a value has the wrong type or is
/// out of range. Functions for required keys also throw if the key is absent.
class TableReader {
 public:
  /// Creates an empty table.
  TableReader() = default;
  /// Parses JSON text, which must be one object. `where` names it in messages: a file, or a file and a line.
  TableReader(const std::string& text, const std::string& where);
  /// Takes an object that was parsed before. `path` precedes the keys in messages.
  TableReader(nlohmann::json object, std::string where, std::string path);

  bool empty() const { return value_.empty(); }
  /// Returns a required integer from `low` to `high`.
  int64_t integer(const std::string& key, int64_t low, int64_t high) const;
  /// Returns the same, or `default_value` if the key is absent.
  int64_t integer_or(const std::string& key, int64_t default_value, int64_t low, int64_t high) const;
  /// Returns a required text.
  std::string required_text(const std::string& key) const;
  /// Returns a required list of at most `max_count` integers from `low` to `high`.
  std::vector<int64_t> integers(const std::string& key, int64_t low, int64_t high, size_t max_count) const;
  /// Returns the value of a key of any type, or null if it is absent.
  const nlohmann::json* find(const std::string& key) const;
  /// Throws Error, "{where}: {path}{key} is not a key of {what}", for a key that no call has asked for.
  void expect_no_more(const std::string& what) const;

  std::optional<double> number(const std::string& key) const;
  std::optional<std::string> text(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  TableReader object(const std::string& key) const;
  std::vector<TableReader> objects(const std::string& key) const;
  std::vector<std::string> texts(const std::string& key) const;
  /// Returns an array of arrays of `width` numbers or more.
  std::vector<std::vector<double>> rows(const std::string& key, size_t width) const;
  /// Returns the texts of an object of texts, in the order of their names.
  std::vector<std::pair<std::string, std::string>> texts() const;
  /// Returns the numbers of an object of numbers, in the order of their names. Throws Error if there are more than
  /// `most`.
  std::vector<std::pair<std::string, double>> numbers(size_t most) const;

 private:
  [[noreturn]] void wrong_type(const std::string& key, const char* expected) const;

  nlohmann::json value_ = nlohmann::json::object();
  std::string where_, path_;
  mutable std::set<std::string> read_;
};

}  // namespace dgl
