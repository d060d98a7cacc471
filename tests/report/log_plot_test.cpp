#include "dgl/report/log_plot.h"

#include <gtest/gtest.h>

namespace dgl {
namespace {

/// The numbers behind each place of `word`.
std::vector<double> numbers(const std::string& html, const std::string& word) {
  std::vector<double> found;
  for (size_t at = html.find(word); at != std::string::npos; at = html.find(word, at + 1)) {
    found.push_back(std::stod(html.substr(at + word.size())));
  }
  return found;
}

TEST(LogPlot, EqualRatiosAreEqualDistances) {
  const std::string html =
      log_plot({{"Teacher", {{1, 100}, {4, 10}, {16, 1}}}, {"Student <1/4>", {{4, 31.6228}}}}, "calls", "fd_mnist");
  const auto x = numbers(html, " cx=\""), y = numbers(html, " cy=\"");
  ASSERT_EQ(x.size(), 4u);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.2);
  EXPECT_NEAR(y[1] - y[0], y[2] - y[1], 0.2);
  EXPECT_GT(y[1], y[0]);  // less is further down
  EXPECT_NEAR(x[3], x[1], 1e-9);
  EXPECT_NEAR(y[3], (y[0] + y[1]) / 2, 0.2);
  EXPECT_NE(html.find("Student &lt;1/4&gt;, 4: 31.6"), std::string::npos) << html;
}

TEST(LogPlot, IsEmptyWithoutALine) {
  EXPECT_EQ(log_plot({}, "x", "y"), "");
  EXPECT_EQ(log_plot({{"a", {{1, 2}}}, {"b", {}}}, "x", "y"), "");
}

}  // namespace
}  // namespace dgl
