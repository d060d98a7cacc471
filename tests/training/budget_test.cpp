#include "dgl/training/budget.h"

#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/training/networks.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

Recipe squares_recipe() {
  return parse_recipe(
      "[network]\nresolution = 32\nimg_channels = 1\nchannel_base = 1024\nchannel_max = 64\nz_dim = 8\nw_dim = 8\n"
      "mapping_layers = 2\n",
      "test");
}

int64_t params_at(const Recipe& recipe, Rational width) {
  int64_t sum = 0;
  for (const auto& [slot, cost] : network_costs(recipe, widths_beside(recipe, width))) {
    if (slot == "generator") sum += cost.params;
  }
  return sum;
}

TEST(Budgets, TheLargestWidthWithinCounts) {
  const Recipe recipe = squares_recipe();
  const int64_t half = params_at(recipe, {1, 2});
  const BudgetedWidth exact = width_within(recipe, {.params = half}, torch::kCPU);
  EXPECT_EQ(exact.width.text(), "1/2");
  EXPECT_EQ(exact.cost.params, half);
  EXPECT_EQ(width_within(recipe, {.params = half - 1}, torch::kCPU).width.text(), "15/32");
  EXPECT_EQ(width_within(recipe, {.params = int64_t{1} << 40}, torch::kCPU).width.text(), "1");
  const BudgetedWidth both = width_within(recipe, {.params = half, .macs = exact.cost.macs - 1}, torch::kCPU);
  EXPECT_EQ(both.width.text(), "15/32");
  EXPECT_NE(budget_text({.params = half}, exact).find("parameters: width 1/2, predicted"), std::string::npos);
}

TEST(Budgets, ALatencyIsMeasured) {
  const Recipe recipe = squares_recipe();
  const BudgetedWidth wide = width_within(recipe, {.latency_ms = 1e6}, torch::kCPU);
  EXPECT_EQ(wide.width.text(), "1");
  EXPECT_GT(wide.cost.latency_ms, 0);
  EXPECT_NE(budget_text({.latency_ms = 1e6}, wide).find("1e+06 ms: width 1, predicted"), std::string::npos);
  expect_error([&] { width_within(recipe, {.latency_ms = 1e-6}, torch::kCPU); }, {"within 1e-06 ms", "narrowest"});
}

TEST(Budgets, NoWidthIsSmallEnough) {
  expect_error([] { width_within(squares_recipe(), {.params = 10}, torch::kCPU); },
               {"no width", "narrowest", "parameters"});
}

}  // namespace
}  // namespace dgl::test
