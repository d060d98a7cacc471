#include "dgl/base/student_t.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "dgl/base/error.h"

namespace dgl {
namespace {

TEST(StudentT, QuantilesAreThoseOfTheTables) {
  const std::pair<int64_t, double> table[] = {
      {1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},  {5, 2.571},  {6, 2.447},  {7, 2.365},  {8, 2.306},
      {9, 2.262},  {10, 2.228}, {15, 2.131}, {20, 2.086}, {29, 2.045}, {30, 2.042}, {60, 2.000}, {120, 1.980}};
  for (const auto& [degrees, t] : table) EXPECT_NEAR(student_t_quantile(degrees), t, 6e-4) << degrees;
  EXPECT_NEAR(student_t_quantile(1, 0.99), 63.657, 1e-3);
  EXPECT_NEAR(student_t_quantile(10, 0.9), 1.812, 6e-4);
  EXPECT_NEAR(student_t_quantile(1000000), 1.95996, 1e-4);  // the normal distribution's
}

TEST(StudentT, WithinIsClosedFormOfOneAndTwoDegrees) {
  for (const double t : {0.0, 0.3, 1.0, 7.0}) {
    EXPECT_NEAR(student_t_within(t, 1), 2 / std::numbers::pi * std::atan(t), 1e-12);
    EXPECT_NEAR(student_t_within(t, 2), t / std::sqrt(2 + t * t), 1e-12);
  }
}

TEST(StudentT, RefusesWhatHasNoQuantile) {
  EXPECT_THROW(student_t_quantile(0), InternalError);
  EXPECT_THROW(student_t_quantile(3, 1), InternalError);
}

}  // namespace
}  // namespace dgl
