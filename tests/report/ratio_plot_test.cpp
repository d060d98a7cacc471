#include "dgl/report/ratio_plot.h"

#include <gtest/gtest.h>

namespace dgl {
namespace {

using Ticks = std::vector<double>;

/// The places of all `kind` attributes, in percent.
std::vector<double> places(const std::string& html, const std::string& kind) {
  std::vector<double> found;
  for (size_t at = html.find(kind); at != std::string::npos; at = html.find(kind, at + 1)) {
    found.push_back(std::stod(html.substr(at + kind.size())));
  }
  return found;
}

TEST(RatioTicks, AreRoundAndFew) {
  EXPECT_EQ(ratio_ticks(0.88, 1.15), (Ticks{0.9, 1, 1.1}));
  EXPECT_EQ(ratio_ticks(0.75, 1.42), (Ticks{0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4}));
  EXPECT_EQ(ratio_ticks(0.2, 3), (Ticks{0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3}));
  EXPECT_EQ(ratio_ticks(0.1, 30), (Ticks{0.1, 0.2, 0.5, 1, 2, 5, 10, 20}));
  EXPECT_EQ(ratio_ticks(0.001, 2000), (Ticks{0.001, 0.01, 0.1, 1, 10, 100, 1000}));
  EXPECT_EQ(ratio_ticks(1e-300, 1e300).size(), 9u);
}

TEST(RatioPlot, PutsRatiosOnALogarithmicAxis) {
  const std::string html =
      ratio_plot({{"a", {{0, 0.5}, {1, 2}, {2, 1}}, 1, std::pair(0.25, 2.0)}, {"b", {{0, 4}}, 4, std::nullopt}});
  const auto at = places(html, "<circle cx=\"");
  ASSERT_EQ(at.size(), 4u);
  EXPECT_NEAR(at[0], 2, 1e-2);  // the axis reaches from 0.5 to 4, with room at its ends
  EXPECT_NEAR(at[1], 66, 1e-2);
  EXPECT_NEAR(at[2], 34, 1e-2);
  EXPECT_NEAR(at[3], 98, 1e-2);
  const auto mean = places(html, "\"mean\" x1=\"");
  ASSERT_EQ(mean.size(), 2u);
  EXPECT_NEAR(mean[0], at[2], 1e-2);
  const auto from = places(html, "\"error\" x1=\"");
  ASSERT_EQ(from.size(), 1u);     // one run has no interval
  EXPECT_NEAR(from[0], 2, 1e-2);  // it begins where the axis does
  EXPECT_NE(html.find("aria-label=\"a: 1.00 (0.250 to 2.00); seed 0"), std::string::npos) << html;
}

TEST(RatioPlot, IsNothingWithoutRuns) {
  EXPECT_EQ(ratio_plot({}), "");
  EXPECT_EQ(ratio_plot({{"a", {}, std::nullopt, std::nullopt}}), "");
  const std::string html =
      ratio_plot({{"without", {}, std::nullopt, std::nullopt}, {"with", {{0, 1}}, 1, std::nullopt}});
  EXPECT_EQ(html.find("without"), std::string::npos);
  EXPECT_EQ(places(html, "<circle cx=\"").size(), 1u);
}

}  // namespace
}  // namespace dgl
