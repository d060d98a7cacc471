#include "dgl/base/student_t.h"

#include <cmath>
#include <numbers>

#include "dgl/base/error.h"

namespace dgl {

double student_t_within(double t, int64_t degrees) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double sine = std::sin(angle), cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  // The sum's terms have the powers 1, 3, … (odd) or 0, 2, … (even) of the cosine, up to degrees - 2.
  double sum = 0, term = odd ? cosine : 1;
  for (int64_t power = odd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term;
    term *= cosine * cosine * static_cast<double>(power + 1) / static_cast<double>(power + 2);
  }
  return odd ? 2 / std::numbers::pi * (angle + sine * sum) : sine * sum;
}

double student_t_quantile(int64_t degrees, double confidence) {
  if (degrees < 1 || !(confidence > 0 && confidence < 1)) {
    throw InternalError(fmt::format("Student's t of {} degrees at {}", degrees, confidence));
  }
  double low = 0, high = 1;
  while (student_t_within(high, degrees) < confidence) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_t_within(middle, degrees) < confidence ? low : high) = middle;
  }
  return high;
}

}  // namespace dgl
