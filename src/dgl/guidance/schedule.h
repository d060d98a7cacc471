#pragma once

#include <functional>
#include <string>

namespace dgl {

/// lambda as a function of a stage's progress in 0 … 1.
using Schedule = std::function<double(double progress)>;

/// The same lambda for the whole stage.
Schedule constant_schedule(double lambda);

/// `lambda` times a factor of the progress p, by name:
///
///     constant                 1
///     linear[:S]               min(p / S, 1): a ramp over the first share S of the stage (all of it)
///     cosine[:S]               (1 - cos(pi min(p / S, 1))) / 2: the same, smooth at both ends
///     decay[:R]                R^p: from 1 down to R (0.1) at the stage's end
///     piecewise:P=F,P=F,…      factor F at progress P, straight lines between, the first and last F beyond them
///
/// Ramps warm up the term early in training. Decay phases it out so that the student's own discriminator dominates at
/// the end. S and R lie in (0, 1], P rises within 0 … 1, F is 0 or more. Throws Error that names `key` for another name
/// or for numbers out of range.
Schedule make_schedule(const std::string& text, double lambda, const std::string& key);

}  // namespace dgl
