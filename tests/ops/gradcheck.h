#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"

namespace dgl::test {

using Tensors = std::vector<torch::Tensor>;
/// A function of float64 tensors whose first and second derivatives are to be checked.
using Function = std::function<torch::Tensor(const Tensors&)>;

using ReferenceGuard = ops::ReferenceScope;

/// Gradients of sum(f(x) * weight) with respect to every input; with `create_graph` they can be differentiated again.
inline Tensors gradients(const Function& f, const Tensors& x, const torch::Tensor& weight, bool create_graph) {
  return torch::autograd::grad({(f(x) * weight).sum()}, x, {}, true, create_graph, /*allow_unused=*/true);
}

inline Tensors leaves(const Tensors& x) {
  Tensors copies;
  for (const auto& t : x) copies.push_back(t.detach().clone().set_requires_grad(true));
  return copies;
}

/// Compares the derivative of `scalar` along random directions with central differences.
inline void check_directional(const std::function<torch::Tensor(const Tensors&)>& scalar, const Tensors& x,
                              const char* what) {
  const Tensors at = leaves(x);
  const torch::Tensor value = scalar(at);
  // A function that does not depend on its inputs (a second derivative of a linear one) carries no graph.
  const Tensors g = value.requires_grad() ? torch::autograd::grad({value}, at, {}, false, false, /*allow_unused=*/true)
                                          : Tensors(x.size());
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < x.size(); ++i) {
    const torch::Tensor direction = torch::randn_like(x[i]);
    Tensors plus = leaves(x), minus = leaves(x);
    plus[i] = (x[i].detach() + kStep * direction).set_requires_grad(true);
    minus[i] = (x[i].detach() - kStep * direction).set_requires_grad(true);
    const double numeric = (scalar(plus) - scalar(minus)).item<double>() / (2 * kStep);
    const double exact = g[i].defined() ? (g[i] * direction).sum().item<double>() : 0;
    // Differences cannot be told closer than the function's last place over their step.
    const double last_place = 2 * std::numeric_limits<double>::epsilon() * std::abs(value.item<double>()) / kStep;
    EXPECT_NEAR(exact, numeric, 2e-6 * (1 + std::abs(numeric)) + last_place) << what << ", input " << i;
  }
}

/// First and second derivatives of f against finite differences, float64.
inline void check_derivatives(const Function& f, const Tensors& x) {
  const torch::Tensor weight = torch::randn_like(f(x).detach());
  check_directional([&](const Tensors& t) { return (f(t) * weight).sum(); }, x, "first derivative");
  Tensors mix;
  for (const auto& t : x) mix.push_back(torch::randn_like(t));
  check_directional(
      [&](const Tensors& t) {
        const Tensors g = gradients(f, t, weight, true);
        torch::Tensor sum = torch::zeros({}, torch::kDouble);
        for (size_t i = 0; i < t.size(); ++i) {
          if (g[i].defined()) sum = sum + (g[i].square() * mix[i]).sum() + (g[i] * mix[i]).sum();
        }
        return sum;
      },
      x, "second derivative");
}

/// f's value at x, its gradients and the gradients of their squares' sum; undefined where x has no part in one.
inline Tensors derivatives(const Function& f, const Tensors& x, const torch::Tensor& weight) {
  const Tensors at = leaves(x);
  Tensors results{f(at).detach()};
  torch::Tensor squares = torch::zeros({}, weight.options());
  for (const auto& g : gradients(f, at, weight, true)) {
    results.push_back(g.defined() ? g.detach() : torch::Tensor());
    if (g.defined()) squares = squares + g.square().sum();
  }
  // A linear function's gradient need not carry a graph.
  for (const auto& g :
       squares.requires_grad() ? torch::autograd::grad({squares}, at, {}, false, false, true) : Tensors(at.size())) {
    results.push_back(g);
  }
  return results;
}

/// Value, gradients and gradients of the gradients' squares of the fast path against the plain reference, in float32.
inline void check_against_reference(const Function& f, const Tensors& x64, double tolerance = 2e-5) {
  Tensors x;
  for (const auto& t : x64) x.push_back(t.to(torch::kFloat));
  const torch::Tensor weight = torch::randn_like(f(x).detach());
  const Tensors fast = derivatives(f, x, weight);
  const ReferenceGuard reference;
  const Tensors plain = derivatives(f, x, weight);
  ASSERT_EQ(fast.size(), plain.size());
  for (size_t i = 0; i < fast.size(); ++i) {
    // An undefined gradient is a zero one.
    if (!plain[i].defined() || !fast[i].defined()) {
      const torch::Tensor& other = plain[i].defined() ? plain[i] : fast[i];
      if (other.defined()) {
        EXPECT_LT(other.abs().max().item<double>(), 1e-6) << "result " << i;
      }
      continue;
    }
    ASSERT_EQ(fast[i].sizes(), plain[i].sizes()) << "result " << i;
    const double error = (fast[i] - plain[i]).norm().item<double>() / (plain[i].norm().item<double>() + 1e-12);
    EXPECT_LT(error, tolerance) << "result " << i;
  }
}

/// Value, gradients and gradients of the gradients' squares of f, whose inputs `maps` are of type `map_type` and the
/// others of `other_type`; all gradients are those of leaves of `other_type`.
inline Tensors derivatives_of_type(const Function& f, const Tensors& x, const std::vector<size_t>& maps,
                                   const torch::Tensor& weight, torch::ScalarType map_type,
                                   torch::ScalarType other_type) {
  Tensors at;
  for (const auto& t : x)
    at.push_back(t.detach().to(other_type, /*non_blocking=*/false, /*copy=*/true).set_requires_grad(true));
  Tensors inputs = at;
  for (const size_t i : maps) inputs[i] = inputs[i].to(map_type);
  const torch::Tensor y = f(inputs);
  EXPECT_EQ(y.scalar_type(), map_type);
  Tensors results{y.detach().to(torch::kDouble)};
  const Tensors first =
      torch::autograd::grad({(y.to(other_type) * weight.to(other_type)).sum()}, at, {}, true, true, true);
  torch::Tensor squares = torch::zeros({}, other_type);
  for (const auto& g : first) {
    EXPECT_EQ(g.scalar_type(), other_type);
    results.push_back(g.detach().to(torch::kDouble));
    squares = squares + g.square().sum();
  }
  // Linear functions have gradients without a graph.
  for (const auto& g :
       squares.requires_grad() ? torch::autograd::grad({squares}, at, {}, false, false, true) : Tensors(at.size())) {
    results.push_back(g.defined() ? g.to(torch::kDouble) : g);
  }
  return results;
}

/// Holds the fast path with the inputs `maps` in bfloat16 to the error of stock bfloat16 operations (the plain
/// reference of that type) on the same numbers. Both errors are taken against the plain reference in float64, for the
/// value, the gradients and the gradients of the gradients' squares. How much bfloat16 loses depends on what cancels in
/// a sum, and what stock operations lose depends on the processor: so there is no bound in numbers, but one of the
/// ratio, between medians over several draws that round differently (a rounding that turns the sign before a ReLU makes
/// a few draws far worse than the others). One rounding of the result, 2^-9 of its size, is always allowed, on a GPU
/// two, where sums come in another order.
inline void check_bfloat16(const Function& f, const Tensors& x64, const std::vector<size_t>& maps,
                           torch::Device device = torch::kCPU) {
  constexpr int kDraws = 15;
  constexpr double kMaxRatio = 2;
  const double rounding = device.is_cuda() ? 1.0 / 256 : 1.0 / 512;
  struct Errors {
    std::vector<double> fast, stock;  // relative, one for each draw
  };
  std::vector<Errors> results;
  for (int draw = 0; draw < kDraws; ++draw) {
    Tensors x;
    // Changes of 2 % round to other bfloat16 numbers, and leave the shape of the problem as it is.
    for (const auto& t : x64) x.push_back((t * (1 + 0.02 * torch::randn_like(t))).to(device, torch::kFloat));
    for (const size_t i : maps) x[i] = x[i].to(torch::kBFloat16).to(torch::kFloat);
    // Of one sign, since sums that cancel show nothing but rounding.
    const torch::Tensor weight = torch::rand_like(f(x).detach()) + 0.5;
    const Tensors fast = derivatives_of_type(f, x, maps, weight, torch::kBFloat16, torch::kFloat);
    const ReferenceGuard reference;
    const Tensors stock = derivatives_of_type(f, x, maps, weight, torch::kBFloat16, torch::kFloat);
    const Tensors exact = derivatives_of_type(f, x, maps, weight, torch::kDouble, torch::kDouble);
    results.resize(exact.size());
    const auto norm = [](const torch::Tensor& t) { return t.defined() ? t.norm().item<double>() : 0; };
    double largest = 0;
    for (const auto& t : exact) largest = std::max(largest, norm(t));
    for (size_t i = 0; i < exact.size(); ++i) {
      const double size = norm(exact[i]);
      // A derivative that is truly zero is rounding alone, beside the size of the others.
      if (size < 1e-5 * largest) continue;
      const auto error = [&](const torch::Tensor& t) { return t.defined() ? norm(t - exact[i]) / size : 1; };
      results[i].fast.push_back(error(fast[i]));
      results[i].stock.push_back(error(stock[i]));
    }
  }
  const auto median = [](std::vector<double> values) {
    const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  };
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].fast.empty()) continue;
    const double fast = median(results[i].fast), stock = median(results[i].stock);
    EXPECT_LT(fast, kMaxRatio * stock + rounding) << "result " << i << ": relative errors against float64, medians";
  }
}

inline torch::Tensor random(at::IntArrayRef sizes) { return torch::randn(sizes, torch::kDouble); }

}  // namespace dgl::test
