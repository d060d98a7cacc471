#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dgl {

/// How a file stores weights. All is computed in float32, from weights that are expanded when the file is loaded.
enum class WeightPrecision { fp32, fp16, int8 };

/// "fp32", "fp16", "int8".
std::vector<std::string> weight_precision_names();
/// The precision of a name. Throws Error that names `key` for another word.
WeightPrecision parse_weight_precision(const std::string& text, const std::string& key);

/// A tensor as whole numbers of 8 bits with one step for each slice along `axis`: value = number * step.
struct QuantizedTensor {
  torch::Tensor numbers;  ///< int8 in -127 … 127, of the tensor's shape
  torch::Tensor steps;    ///< float32 [size of the axis], above 0
  int64_t axis = 0;
  torch::Tensor values() const;  ///< float32
};

/// Rounds to the nearest of 255 values about zero, whose step is the largest magnitude of a slice over 127. The axis,
/// the first or the second, is the one of the smaller square error. What is on such a grid stays as it is. `tensor` has
/// two dimensions or more.
QuantizedTensor quantize_int8(const torch::Tensor& tensor);
/// The same along a given axis.
QuantizedTensor quantize_int8(const torch::Tensor& tensor, int64_t axis);

constexpr int64_t kLeastRoundedNumbers = 1024;

/// Whether a constant is a weight that a lower precision rounds: floating-point, of two dimensions or more and of
/// kLeastRoundedNumbers or more. Biases, statistics and small tensors stay float32.
bool is_rounded_weight(const torch::Tensor& tensor);

/// The values that a file of this precision keeps of a tensor, float32: the tensor itself if it is not rounded. Throws
/// Error for numbers that fp16 has not.
torch::Tensor rounded(const torch::Tensor& tensor, WeightPrecision precision);

}  // namespace dgl
