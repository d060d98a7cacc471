#pragma once

#include <cstdint>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/nn/rational.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// What the generators of a student may cost together, as summary.json counts them; 0 for what is not limited.
struct Budget {
  int64_t params = 0;
  int64_t macs = 0;       ///< of one pass of an image
  double latency_ms = 0;  ///< of such a pass on this machine, batch 1

  bool any() const { return params > 0 || macs > 0 || latency_ms > 0; }
};

/// A width, and what generators of it cost.
struct BudgetedWidth {
  Rational width;
  Budget cost;  ///< latency_ms is 0 unless it was limited
};

/// The largest width, in 32nds, at which a recipe's generators keep within a budget. Widths that the family's networks
/// cannot have are passed over. Latencies are medians of fresh networks, measured on `device` at the widths that a
/// bisection comes to. Throws Error, which says what the smallest costs, if none fits.
BudgetedWidth width_within(const Recipe& recipe, const Budget& budget, torch::Device device);

/// "2 ms: width 13/32, predicted 1.93 ms", with what else is limited behind it: what [run] keeps of a budget.
std::string budget_text(const Budget& budget, const BudgetedWidth& chosen);

}  // namespace dgl
