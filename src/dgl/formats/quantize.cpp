#include "dgl/formats/quantize.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr std::pair<const char*, WeightPrecision> kPrecisions[] = {
    {"fp32", WeightPrecision::fp32}, {"fp16", WeightPrecision::fp16}, {"int8", WeightPrecision::int8}};
constexpr double kLargest = 127, kLargestHalf = 65504;

/// [size of the axis] so that it is broadcast over the other dimensions of a tensor.
Tensor along(const Tensor& per_slice, int64_t axis, int64_t dimensions) {
  std::vector<int64_t> sizes(static_cast<size_t>(dimensions), 1);
  sizes[static_cast<size_t>(axis)] = per_slice.size(0);
  return per_slice.view(sizes);
}

QuantizedTensor quantized_along(const Tensor& tensor, int64_t axis) {
  std::vector<int64_t> others;
  for (int64_t dim = 0; dim < tensor.dim(); ++dim) {
    if (dim != axis) others.push_back(dim);
  }
  const Tensor largest = tensor.abs().amax(others);
  const Tensor steps = at::where(largest.gt(0), largest / kLargest, at::ones_like(largest));
  const Tensor numbers = (tensor / along(steps, axis, tensor.dim())).round().clamp(-kLargest, kLargest);
  return {numbers.to(torch::kChar), steps, axis};
}

}  // namespace

std::vector<std::string> weight_precision_names() {
  std::vector<std::string> names;
  for (const auto& [name, precision] : kPrecisions) names.emplace_back(name);
  return names;
}

WeightPrecision parse_weight_precision(const std::string& text, const std::string& key) {
  for (const auto& [name, precision] : kPrecisions) {
    if (text == name) return precision;
  }
  fail("{} {}: expected {}", key, text, fmt::join(weight_precision_names(), ", "));
}

Tensor QuantizedTensor::values() const { return numbers.to(torch::kFloat) * along(steps, axis, numbers.dim()); }

QuantizedTensor quantize_int8(const Tensor& tensor) {
  const Tensor x = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  const QuantizedTensor first = quantized_along(x, 0), second = quantized_along(x, 1);
  const auto error = [&](const QuantizedTensor& q) { return (q.values() - x).square().sum().item<double>(); };
  return error(second) < error(first) ? second : first;
}

QuantizedTensor quantize_int8(const Tensor& tensor, int64_t axis) {
  return quantized_along(tensor.detach().to(torch::kCPU, torch::kFloat).contiguous(), axis);
}

bool is_rounded_weight(const Tensor& tensor) {
  return tensor.is_floating_point() && tensor.dim() >= 2 && tensor.numel() >= kLeastRoundedNumbers;
}

Tensor rounded(const Tensor& tensor, WeightPrecision precision) {
  if (precision == WeightPrecision::fp32 || !is_rounded_weight(tensor)) return tensor;
  if (precision == WeightPrecision::int8) return quantize_int8(tensor).values();
  const Tensor x = tensor.detach().to(torch::kCPU, torch::kFloat);
  if (x.abs().max().item<double>() > kLargestHalf) {
    fail("a weight of magnitude {:g}: fp16 has none above {:g}", x.abs().max().item<double>(), kLargestHalf);
  }
  return x.to(torch::kHalf).to(torch::kFloat);
}

}  // namespace dgl
