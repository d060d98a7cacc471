#include <string>

#include "cli/teacher_of_squares.h"

namespace dgl::test {
namespace {

/// Pages of models, with files in the runtime's place: browser/page.js opens pages with the true one.
class Pages : public WithTeacherOfSquares<Pages> {
 public:
  static constexpr const char* kTables = R"(
[training]
batch = 8
kimg = 0.032
[guidance]
stage1_kimg = 0.016
stage2_kimg = 0.016
)";

 protected:
  Pages() {
    folder_->put("runtime/dist/ort.wasm-core.min.js", "a script");
    folder_->put("runtime/dist/ort-wasm-simd.wasm", "a module");
  }
};

TEST_F(Pages, ARunNamesItsTeacherAndItsReportLinksThePage) {
  expect_success(run(compress("half")));
  const auto holds = [&](const std::string& file, const std::string& text) {
    return read_file(at(file)).find(text) != std::string::npos;
  };
  EXPECT_FALSE(holds("half/report.html", "demo.html"));
  expect_success(run({"report", "half", "--page", "--runtime", "runtime"}));
  EXPECT_TRUE(holds("half/report.html", "<a href=\"demo.html\">"));
  EXPECT_TRUE(holds("half/demo.html", "id=\"graph-0-styles\""));
  EXPECT_TRUE(holds("half/demo.html", "id=\"graph-1-styled_images\""));
  EXPECT_TRUE(holds("half/demo.html", "\"shown\":\"Teacher\""));

  // Alone, it is no student.
  expect_success(run({"export", "--model", "half/model.safetensors", "--out", "alone.html", "--runtime", "runtime"}));
  EXPECT_FALSE(holds("alone.html", "id=\"graph-1-styles\""));
  EXPECT_TRUE(holds("alone.html", "\"shown\":\"Model\""));

  fs::rename(at("teacher/model.safetensors"), at("moved.safetensors"));
  const Outcome without = run({"export", "--model", "half", "--out", "without.html", "--runtime", "runtime"});
  fs::rename(at("moved.safetensors"), at("teacher/model.safetensors"));
  expect_success(without);
  EXPECT_NE(without.out.find("without the teacher"), std::string::npos) << without.out;
  EXPECT_FALSE(holds("without.html", "id=\"graph-1-styles\""));
}

}  // namespace
}  // namespace dgl::test
