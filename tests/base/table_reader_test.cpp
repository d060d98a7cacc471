#include "dgl/base/table_reader.h"

#include "dgl/base/config_key.h"
#include "dgl/base/error.h"
#include "dgl/base/toml_file.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(TableReader, ReadsKeysOfEachType) {
  const TableReader table(R"({"n": 3, "x": 0.5, "s": "a", "b": true, "list": [1, 2], "inner": {"n": 4}, "none": null})",
                          "f");
  EXPECT_EQ(table.integer("n", 1, 5), 3);
  EXPECT_EQ(table.integer_or("m", 7, 1, 9), 7);
  EXPECT_EQ(table.number("x"), 0.5);
  EXPECT_EQ(table.required_text("s"), "a");
  EXPECT_EQ(table.boolean("b"), true);
  EXPECT_EQ(table.integers("list", 0, 2, 4), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(table.object("inner").integer("n", 0, 9), 4);
  EXPECT_FALSE(table.number("none"));
  EXPECT_TRUE(table.object("absent").empty());
}

TEST(TableReader, NamesFileKeyAndWhatWasExpected) {
  const TableReader table(R"({"n": 3, "s": "a", "list": [1, -2], "inner": {"n": "x"}})", "f.json");
  expect_error([&] { table.integer("n", 4, 5); }, {"f.json", "key n = 3", "4 to 5"});
  expect_error([&] { table.integer("s", 4, 5); }, {"key s", "whole number", "string"});
  expect_error([&] { table.integer("none", 4, 5); }, {"key none", "whole number"});
  expect_error([&] { table.number("s"); }, {"key s", "a number"});
  expect_error([&] { table.required_text("n"); }, {"key n", "text"});
  expect_error([&] { table.integers("list", 0, 9, 9); }, {"key list", "0 to 9"});
  expect_error([&] { table.integers("list", -9, 9, 1); }, {"key list", "at most 1"});
  expect_error([&] { table.object("inner").integer("n", 0, 1); }, {"key inner.n"});
  EXPECT_THROW(table.number("s"), FileError);
  expect_error([] { TableReader("[1]", "f"); }, {"f", "JSON object"});
  expect_error([] { TableReader("{", "f"); }, {"f", "malformed"});
}

TEST(TableReader, KeysThatNobodyAskedForAreErrors) {
  const TableReader table(nlohmann::json{{"a", 1}, {"b", 2}}, "s.toml", "");
  table.integer("a", 0, 9);
  expect_error([&] { table.expect_no_more("a study"); }, {"s.toml", "b is not a key of a study"});
  table.find("b");
  EXPECT_NO_THROW(table.expect_no_more("a study"));
}

TEST(TomlFile, BecomesJson) {
  const auto json = parse_toml("a = 1\nb = 1.0\nc = 'x'\n[t]\nd = [true, 2]\n[[u]]\ne = 3\n", "f");
  EXPECT_EQ(json, nlohmann::json::parse(R"({"a":1,"b":1.0,"c":"x","t":{"d":[true,2]},"u":[{"e":3}]})"));
  EXPECT_TRUE(json["a"].is_number_integer());
  EXPECT_TRUE(json["b"].is_number_float());
  expect_error([] { parse_toml("a = 1\nb = \n", "f.toml"); }, {"f.toml", "line 2"});
  expect_error([] { parse_toml("a = 1979-05-27\n", "f.toml"); }, {"f.toml", "line 1", "date"});
  EXPECT_EQ(*parse_toml_value("16"), 16);
  EXPECT_EQ(*parse_toml_value("'x'"), "x");
  EXPECT_FALSE(parse_toml_value("cosine:0.2"));
}

TEST(ConfigKey, AssignsAndWritesEachType) {
  int64_t n = 1;
  double x = 0.3;
  bool b = false;
  std::string s = "a";
  const std::vector<ConfigKey> keys{
      {"t", "n", &n, "", 0, 9}, {"t", "x", &x, "", 0, 1}, {"", "b", &b}, {"", "s", &s, "", 0, 0, {"a", "c"}}};
  EXPECT_EQ(find_key(keys, "t", "x")->toml(), "0.3");
  EXPECT_EQ(find_key(keys, "t", "y"), nullptr);
  keys[1].assign(1, "f");
  EXPECT_EQ(x, 1.0);
  EXPECT_EQ(keys[1].toml(), "1.0");
  EXPECT_TRUE(keys[1].holds(1));
  keys[2].assign(true, "f");
  keys[3].assign("c", "f");
  EXPECT_EQ(*parse_toml_value(keys[3].toml()), "c");
  expect_error([&] { keys[0].assign(10, "f"); }, {"f: t.n = 10", "0 to 9"});
  expect_error([&] { keys[0].assign(1.5, "f"); }, {"t.n", "whole number"});
  expect_error([&] { keys[1].assign(NAN, "f"); }, {"t.x", "0 to 1"});
  expect_error([&] { keys[2].assign(1, "f"); }, {"b", "true or false"});
  expect_error([&] { keys[3].assign("d", "f"); }, {"s = \"d\"", "a or c"});
}

}  // namespace
}  // namespace dgl::test
