#pragma once

#include <algorithm>

#include "cli/program.h"

namespace dgl::test {

/// A test of the program in a folder of its own.
class ProgramTest : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  ProgramTest() : dgl_(folder_) {}
  /// Runs it, and expects it to do what it was asked for.
  Outcome expect_done(const Words& words) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome;
  }
  /// Runs it, and expects one line that says all of `says`, and no folder "out".
  void expect_refused(const Words& words, const Words& says) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const auto& word : says)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err << "lacks " << word;
    EXPECT_FALSE(fs::exists(folder_ / "out")) << "something was left behind";
  }

  TemporaryFolder folder_;
  Program dgl_;
};

}  // namespace dgl::test
