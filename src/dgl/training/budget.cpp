#include "dgl/training/budget.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/text.h"
#include "dgl/base/torch.h"
#include "dgl/nn/profile.h"
#include "dgl/training/networks.h"

namespace dgl {

namespace {

constexpr int64_t kParts = 32;  // of the full width

Rational width_of(int64_t parts) {
  int64_t numerator = parts, denominator = kParts;
  while (numerator % 2 == 0 && denominator > 1) {
    numerator /= 2;
    denominator /= 2;
  }
  return {numerator, denominator};
}

/// Parameters and MACs of all generators at a width; nothing for one that the family's networks cannot have.
std::optional<Budget> counted(const Recipe& recipe, Rational width) {
  Budget sum;
  try {
    const Family& family = recipe.family_info();
    for (const SlotSpec& slot : family.slots()) {
      if (slot.role == NetworkRole::discriminator) continue;
      const nlohmann::json shape = family.shape(*recipe.network, widths_beside(recipe, width), slot.name);
      if (shape.is_null()) continue;
      const Cost cost = family.cost(slot.name, shape);
      sum.params += cost.params;
      sum.macs += cost.macs;
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  return sum;
}

/// Milliseconds of a pass of all generators at a width.
double measured_ms(const Recipe& recipe, Rational width, torch::Device device) {
  const NetworkSet networks = make_networks(recipe, widths_beside(recipe, width), device);
  double seconds = 0;
  for (const NetworkSlot& slot : networks) {
    if (slot.role != NetworkRole::discriminator) {
      seconds += median_seconds(slot.best()->example_pass(/*batch=*/1, device), device);
    }
  }
  return seconds * 1e3;
}

}  // namespace

BudgetedWidth width_within(const Recipe& recipe, const Budget& budget, torch::Device device) {
  std::vector<BudgetedWidth> candidates;  // from the narrowest on
  std::optional<BudgetedWidth> narrowest;
  for (int64_t parts = 1; parts <= kParts; ++parts) {
    const Rational width = width_of(parts);
    const auto cost = counted(recipe, width);
    if (!cost) continue;
    if (!narrowest) narrowest = BudgetedWidth{width, *cost};
    if (budget.params > 0 && cost->params > budget.params) break;
    if (budget.macs > 0 && cost->macs > budget.macs) break;
    candidates.push_back({width, *cost});
  }
  if (!narrowest) fail("the recipe's networks have no narrower ones");
  if (candidates.empty()) {
    fail("no width keeps within the budget: at {}, the narrowest, generators have {} parameters and {} MACs",
         narrowest->width.text(), narrowest->cost.params, narrowest->cost.macs);
  }
  if (budget.latency_ms == 0) return candidates.back();

  std::optional<BudgetedWidth> best;
  size_t low = 0, high = candidates.size();  // those before `low` fit, those from `high` on do not
  double least = 0;
  while (low < high) {
    const size_t middle = low == 0 && high == candidates.size() ? high - 1 : (low + high) / 2;
    BudgetedWidth& tried = candidates[middle];
    tried.cost.latency_ms = least = measured_ms(recipe, tried.width, device);
    if (tried.cost.latency_ms <= budget.latency_ms) {
      best = tried;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (!best) {
    fail("no width keeps within {:g} ms: at {}, the narrowest, a pass of the generators takes {:.3g} ms here",
         budget.latency_ms, candidates.front().width.text(), least);
  }
  return *best;
}

std::string budget_text(const Budget& budget, const BudgetedWidth& chosen) {
  std::vector<std::string> limits, costs;
  const auto add = [&](bool limited, const std::string& limit, const std::string& cost) {
    if (!limited) return;
    limits.push_back(limit);
    costs.push_back(cost);
  };
  add(budget.latency_ms > 0, fmt::format("{:g} ms", budget.latency_ms),
      fmt::format("{:.3g} ms", chosen.cost.latency_ms));
  add(budget.macs > 0, count_text(static_cast<double>(budget.macs)) + " MACs",
      count_text(static_cast<double>(chosen.cost.macs)) + " MACs");
  add(budget.params > 0, count_text(static_cast<double>(budget.params)) + " parameters",
      count_text(static_cast<double>(chosen.cost.params)) + " parameters");
  return fmt::format("{}: width {}, predicted {}", fmt::join(limits, ", "), chosen.width.text(),
                     fmt::join(costs, ", "));
}

}  // namespace dgl
