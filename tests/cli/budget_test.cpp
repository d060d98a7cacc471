#include "cli/teacher_of_squares.h"

namespace dgl::test {
namespace {

class BudgetsOfStudents : public WithTeacherOfSquares<BudgetsOfStudents> {
 public:
  static constexpr const char* kTables =
      "[training]\nbatch = 8\nkimg = 0.016\n[guidance]\nstage1_kimg = 0.008\nstage2_kimg = 0.008\n";

 protected:
  /// A compression to a budget in place of a width.
  static nlohmann::json compressed(const std::string& out, const Words& budget) {
    Words words{"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--recipe", "r.toml",
                "--out",    out};
    words.insert(words.end(), budget.begin(), budget.end());
    expect_success(run(words));
    return json_of(out + "/summary.json");
  }
  static nlohmann::json profiled(const Words& of) {
    Words words{"profile", "--json", "--no-latency"};
    words.insert(words.end(), of.begin(), of.end());
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out)["generator"];
  }
};

TEST_F(BudgetsOfStudents, MultiplyAddsAreSavedAtFineResolutionsFirst) {
  const auto half = profiled({"--recipe", "r.toml", "--width", "1/2"});
  const auto limit = half["macs"].get<int64_t>();
  const auto summary = compressed("macs", {"--macs", std::to_string(limit)});
  const auto student = profiled({"--model", "macs/model.safetensors"});
  EXPECT_LE(student["macs"], limit);
  EXPECT_GT(student["params"], half["params"]);
  EXPECT_NE(summary["budget"].get<std::string>().find("fewer feature maps at fine resolutions"), std::string::npos);
  // The run's recipe makes the same networks again.
  EXPECT_NE(read_file(at("macs/recipe.toml")).find("generator_base = "), std::string::npos);
  EXPECT_EQ(profiled({"--recipe", "macs/recipe.toml", "--width", summary["student"]["width"].get<std::string>()}),
            student);
}

TEST_F(BudgetsOfStudents, ParametersAloneAreLeftToTheWidth) {
  const auto half = profiled({"--recipe", "r.toml", "--width", "1/2"});
  const auto summary = compressed("params", {"--params", std::to_string(half["params"].get<int64_t>())});
  EXPECT_EQ(profiled({"--model", "params/model.safetensors"}), half);
  EXPECT_EQ(summary["budget"].get<std::string>().find("fine resolutions"), std::string::npos);
}

}  // namespace
}  // namespace dgl::test
