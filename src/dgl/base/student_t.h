#pragma once

#include <cstdint>

namespace dgl {

/// Returns the probability that Student's t with `degrees` degrees of freedom is within -t … t (Abramowitz and Stegun,
/// 26.7.3 and 26.7.4). `degrees` is at least 1, `t` at least 0.
double student_t_within(double t, int64_t degrees);

/// Returns the t that Student's t with `degrees` degrees of freedom, 1 or more, stays within with probability
/// `confidence`, above 0 and below 1: 12.706 for 1 degree and 0.95. Throws InternalError if a value is out of range.
double student_t_quantile(int64_t degrees, double confidence = 0.95);

}  // namespace dgl
