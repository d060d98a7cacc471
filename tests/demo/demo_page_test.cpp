#include "dgl/demo/demo_page.h"

#include <gtest/gtest.h>

#include <string>

#include "dgl/formats/gzip.h"
#include "dgl/report/html.h"

namespace dgl {
namespace {

DemoModel drawing_model(const std::string& onnx) {
  const nlohmann::json draw = {{"latents", {8}}, {"classes", 0}, {"image", {1, 4, 4}}};
  return {{{"family", "toy"}, {"draw", draw}, {"maps", nlohmann::json::array()}}, {{"images", onnx}}};
}

TEST(DemoPage, HoldsAllThatItShows) {
  const WebRuntime runtime{"ort = '</script>';", "a module", ""};
  DemoPage page{"<b>", {drawing_model("the student"), drawing_model("the teacher")}, 0.7, {{1, {"a picture"}}}};
  const std::string html = demo_page_html(page, runtime);
  const auto holds = [&](const std::string& text) { return html.find(text) != std::string::npos; };
  EXPECT_TRUE(holds("<title>&lt;b&gt;</title>"));
  EXPECT_TRUE(holds("toy, 4 × 4 pixels, gray"));
  EXPECT_TRUE(holds("id=\"runtime-module\">" + base64(gzip("a module"))));
  EXPECT_TRUE(holds("id=\"graph-0-images\">" + base64(gzip("the student"))));
  EXPECT_TRUE(holds("id=\"graph-1-images\">" + base64(gzip("the teacher"))));
  EXPECT_TRUE(holds("data:image/png;base64," + base64("a picture")));
  EXPECT_TRUE(holds("ort = '<\\/script>';"));
  EXPECT_FALSE(holds("</script>';"));
  EXPECT_TRUE(holds("\"psi\":0.7"));
  EXPECT_GE(html.size(), demo_page_bytes(page, runtime));
}

TEST(DemoPage, TakesATeacherOfTheSameInputsAlone) {
  const DemoModel student = drawing_model("");
  DemoModel teacher = drawing_model("larger");
  EXPECT_EQ(why_not_beside(student, teacher), "");
  teacher.facts["draw"]["latents"] = {16};
  EXPECT_EQ(why_not_beside(student, teacher), "its latents are [16], the student's [8]");
  teacher.facts["draw"] = nullptr;
  EXPECT_NE(why_not_beside(student, teacher), "");
  teacher = student;
  teacher.facts["maps"].push_back({{"graph", "reconstruct"}, {"image", {1, 4, 4}}});
  EXPECT_NE(why_not_beside(student, teacher), "");
}

}  // namespace
}  // namespace dgl
