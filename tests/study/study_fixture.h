#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/study/study.h"
#include "temporary_folder.h"

namespace dgl::test {

inline constexpr const char* kStudy = R"(
recipe = "r.toml"
teacher = "t.safetensors"
data = "d.dgldata"
seeds = 2
set = ["guidance.stage1_kimg=3", "guidance.stage2_kimg=4"]
[[arms]]
name = "alone"
set = ["guidance.lambda=0"]
[[arms]]
name = "guided"
set = ["guidance.lambda=0.3", "guidance.schedule=cosine:0.2"]
[[arms]]
name = "wider"
set = ["student.width=3/4"]
[[arms]]
name = "boosted"
command = "boost"
)";

/// A folder with a study and the files that it names.
struct StudyTest : ::testing::Test {
  StudyTest() {
    folder.put("r.toml", "[student]\nwidth = '1/4'\n[evaluation]\nfeatures = 'f.safetensors'\n");
    folder.put("f.safetensors", "x");
    folder.put("t.safetensors", "x");
    folder.put("d.dgldata", "x");
    folder.put("s.toml", kStudy);
  }
  Study load() const { return load_study(folder / "s.toml"); }
  void expect_refused(const std::string& text, const std::vector<std::string>& words) const {
    folder.put("s.toml", text);
    expect_error([&] { load(); }, words);
  }
  /// The study's text with a part replaced.
  static std::string with(const std::string& part, const std::string& by) {
    std::string text = kStudy;
    return text.replace(text.find(part), part.size(), by);
  }
  TemporaryFolder folder;
};

/// A finished run as the study reads it.
inline void finish(const TemporaryFolder& folder, const std::string& run, double fd) {
  const double teacher = run.back() == '0' ? 1.5 : 2.5;  // by seed
  folder.put(run + "/summary.json",
             fmt::format(R"({{"metric":"fd_x","metric_samples":100,"student":{{"fd":{0},"generator":{{"params":5}}}},
      "teacher":{{"fd":{2}}},"result":{{"kimg":7}},"stages":[{{"fd_end":9}},{{"fd_end":{1},"kimg_start":3,"kimg_end":7,"seconds":{3}}}]}})",
                         fd, fd + 1, teacher, 8 * fd));
  folder.put(run + "/log.jsonl", fmt::format("{{\"stage\":2,\"kimg\":7,\"fd\":{}}}\n", fd + 1));
}

}  // namespace dgl::test
