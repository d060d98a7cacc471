#include "dgl/base/byte_text.h"

#include <gtest/gtest.h>

#include "dgl/base/config_key.h"

namespace dgl::test {
namespace {

TEST(ByteText, GivesEveryNameBack) {
  const std::vector<std::string> names{"",
                                       "plain/name",
                                       "b\xc3\xa9",
                                       "b\xe9"
                                       "b\xe9/\xff",
                                       "\xe4\xbd\xa0\xe5\xa5\xbd",
                                       "\xee\xbe\x80",
                                       "\xed\xa0\x80",
                                       "\xc0\x80",
                                       "\xf0\x9f\x98\x80\xf0\x9f",
                                       "\xe2\x82"};
  for (const std::string& name : names) {
    const std::string text = utf8_of(name);
    EXPECT_EQ(bytes_of(text), name);
    EXPECT_NO_THROW(nlohmann::json(text).dump()) << text;  // throws for what is not UTF-8
  }
  std::string all;
  for (int i = 1; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_EQ(bytes_of(utf8_of(all)), all);
  EXPECT_EQ(utf8_of("b\xc3\xa9/x"), "b\xc3\xa9/x");
  EXPECT_EQ(utf8_of("\xe9"), "\xee\xbf\xa9");  // U+EFE9
}

TEST(ByteText, KeysKeepNamesThatAreNotUtf8) {
  std::string path = "b\xe9/d.dgldata";
  const ConfigKey key{.table = "run", .name = "data", .value = &path};
  const std::string toml = key.toml();
  EXPECT_NO_THROW(nlohmann::json(toml).dump());
  path = "";
  key.assign(utf8_of("b\xe9/d.dgldata"), "recipe.toml");
  EXPECT_EQ(path, "b\xe9/d.dgldata");
}

TEST(ByteText, JsonReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json_text({{"x", "a\xe9"}}), "{\"x\":\"a\xef\xbf\xbd\"}");
  EXPECT_EQ(json_text({{"x", 1}}, 2), "{\n  \"x\": 1\n}");
}

}  // namespace
}  // namespace dgl::test
