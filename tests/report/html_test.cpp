#include "dgl/report/html.h"
#include "dgl/base/text.h"

#include <gtest/gtest.h>

#include "dgl/base/error.h"

namespace dgl {
namespace {

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<b a='1' c=\"2\">&amp;"), "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;");
  EXPECT_EQ(escape_html("tab\tline\nß"), "tab\tline\nß");
  EXPECT_EQ(escape_html(std::string_view("a\0b\x1b", 4)),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(ScriptJson, CannotEndItsElement) {
  const nlohmann::json json = {{"</script>", "<!-- & -->"}};
  const std::string text = script_json(json);
  EXPECT_EQ(text.find_first_of("<>&"), std::string::npos) << text;
  EXPECT_EQ(nlohmann::json::parse(text), json);
  EXPECT_NO_THROW(nlohmann::json::parse(script_json(nlohmann::json("\xff"))));
}

TEST(Base64, GivesTheVectorsOfRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(FillPage, NeverSearchesAValue) {
  EXPECT_EQ(fill_page("a{{x}}b{{y}}c{{x}}", {{"x", "{{y}}"}, {"y", "2"}}), "a{{y}}b2c{{y}}");
  EXPECT_THROW(fill_page("{{z}}", {}), Error);
  EXPECT_THROW(fill_page("{{z", {{"z", ""}}), Error);
}

TEST(Scalars, ReadWell) {
  EXPECT_EQ(count_text(987), "987");
  EXPECT_EQ(count_text(12345), "12.3 k");
  EXPECT_EQ(count_text(999999), "1.00 M");
  EXPECT_EQ(count_text(7.89e9), "7.89 G");
  EXPECT_EQ(figure_text(0.26), "0.260");
  EXPECT_EQ(figure_text(1.234), "1.23");
  EXPECT_EQ(figure_text(55.21), "55.2");
  EXPECT_EQ(figure_text(1234.4), "1234");
  EXPECT_EQ(figure_text(INFINITY), "–");
  EXPECT_EQ(kimg_text(30.016), "30");
  EXPECT_EQ(kimg_text(0.512), "0.5");
}

TEST(MeanText, GivesBothToTheSamePlaces) {
  EXPECT_EQ(mean_text(93.42, 24.61), "93.4\u00a0±\u00a024.6");
  EXPECT_EQ(mean_text(0.9484, 0.0234), "0.948\u00a0±\u00a00.023");
  EXPECT_EQ(mean_text(-2.99, 11.4), "-3.0\u00a0±\u00a011.4");
  EXPECT_EQ(mean_text(1040.6, 117.2), "1041\u00a0±\u00a0117");
  EXPECT_EQ(mean_text(21.2, 0.0182), "21.2\u00a0±\u00a00.0182");  // not 0.0
  EXPECT_EQ(mean_text(1.5e8, 2.5e7), "1.50e+08\u00a0±\u00a02.50e+07");
  EXPECT_EQ(mean_text(27.5, std::nullopt), "27.5");
}

}  // namespace
}  // namespace dgl
