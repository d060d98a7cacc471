#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "cli/program.h"

namespace dgl::test {

/// Puts into `folder`, made by the program itself: 40 squares as d.dgldata, a feature network of them as
/// features.safetensors, and a small teacher in teacher/, trained with r.toml, whose network is given and whose other
/// tables are `tables`.
inline void make_teacher_of_squares(const TemporaryFolder& folder, const std::string& tables) {
  const Program dgl(folder);
  put_squares(folder, 40);
  folder.put("r.toml",
             "[network]\nresolution = 32\nimg_channels = 1\nchannel_base = 128\nchannel_max = 8\nz_dim = 8\nw_dim = 8\n"
             "mapping_layers = 2\n" +
                 tables);
  folder.put("f.toml",
             "family = 'classifier'\n[network]\nresolution = 32\nimg_channels = 1\nfeatures = 4\nclasses = 2\n"
             "distance = 'fd_squares'\n[training]\nbatch = 8\nepochs = 2\n");
  const auto expect_done = [&](const std::vector<std::string>& words) {
    const Outcome outcome = dgl(words);
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  };
  expect_done({"prepare", "squares", "--size", "32", "--out", "d.dgldata"});
  expect_done({"train", "--recipe", "f.toml", "--data", "d.dgldata", "--out", "f"});
  fs::copy(folder / "f/model.safetensors", folder / "features.safetensors");
  expect_done({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "teacher"});
}

/// Tests that work in a folder with all that, made once for those of one `Suite` with its kTables.
template <class Suite>
class WithTeacherOfSquares : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    make_teacher_of_squares(*folder_, Suite::kTables);
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }

  static void expect_success(const Outcome& outcome) { ASSERT_EQ(outcome.status, 0) << outcome.err; }
  static fs::path at(const std::string& name) { return *folder_ / name; }
  static Outcome run(const Words& words) { return Program(*folder_)(words); }
  static nlohmann::json json_of(const std::string& name) { return nlohmann::json::parse(read_file(at(name))); }
  /// A compression of that teacher to half its width.
  static Words compress(const std::string& out, const Words& more = {}) {
    Words words{"compress", "--teacher", "teacher/model.safetensors",
                "--data",   "d.dgldata", "--recipe",
                "r.toml",   "--width",   "1/2",
                "--out",    out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  static inline TemporaryFolder* folder_ = nullptr;
};

}  // namespace dgl::test
