#include "dgl/guidance/schedule.h"

#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace dgl::test {
namespace {

struct Case {
  const char* text;
  std::vector<std::pair<double, double>> values;  // progress, factor
};

class ScheduleByName : public ::testing::TestWithParam<Case> {};

TEST_P(ScheduleByName, IsItsFormula) {
  const Schedule schedule = make_schedule(GetParam().text, 0.5, "guidance.schedule");
  for (const auto& [progress, factor] : GetParam().values) {
    EXPECT_NEAR(schedule(progress), 0.5 * factor, 1e-12) << GetParam().text << " at " << progress;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Names, ScheduleByName,
    ::testing::Values(
        Case{"constant", {{0, 1}, {0.3, 1}, {1, 1}}}, Case{"linear", {{0, 0}, {0.25, 0.25}, {1, 1}}},
        Case{"linear:0.5", {{0, 0}, {0.25, 0.5}, {0.5, 1}, {1, 1}}}, Case{"cosine", {{0, 0}, {0.5, 0.5}, {1, 1}}},
        Case{"cosine:0.2", {{0, 0}, {0.05, 0.1464466094067262}, {0.1, 0.5}, {0.2, 1}, {0.9, 1}}},
        Case{"decay", {{0, 1}, {0.5, 0.31622776601683794}, {1, 0.1}}}, Case{"decay:0.25", {{0.5, 0.5}, {1, 0.25}}},
        Case{"piecewise:0.2=0,0.4=1,1=0.25", {{0, 0}, {0.2, 0}, {0.3, 0.5}, {0.4, 1}, {0.7, 0.625}, {1, 0.25}}},
        Case{"piecewise:0.5=2", {{0, 2}, {1, 2}}}));

TEST(Schedule, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"sine", "", "constant:1", "linear:0", "linear:1.5", "linear:x", "linear:0.1,0.2", "decay:-1",
                           "cosine:", "cosine:nan", "piecewise", "piecewise:", "piecewise:0.5", "piecewise:0.5=-1",
                           "piecewise:0.5=1,0.5=2", "piecewise:2=1"}) {
    expect_error([&] { make_schedule(text, 1, "guidance.schedule"); }, {"guidance.schedule"});
  }
}

}  // namespace
}  // namespace dgl::test
