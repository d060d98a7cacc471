#include "dgl/formats/onnx.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/formats/protobuf.h"

namespace dgl {

namespace {

constexpr int64_t kIrVersion = 7, kOperatorSet = 13;
constexpr int64_t kFloatType = 1, kUint8Type = 2, kInt8Type = 3, kInt32Type = 6, kInt64Type = 7,
                  kHalfType = 10;           // TensorProto.DataType
constexpr double kLargestSum = 2147483520;  // that both float32 and 32 bits have
constexpr int64_t kLevels = 255;            // above 0, of a feature map in 8 bits
constexpr int64_t kFloatAttribute = 1, kIntAttribute = 2, kStringAttribute = 3,
                  kIntsAttribute = 7;  // AttributeProto.AttributeType

using Message = ProtobufMessage;

/// Returns the ValueInfoProto of a tensor [N, sizes…].
Message value_info(const std::string& name, int64_t type, at::IntArrayRef sizes) {
  Message shape;
  shape.message(1, Message().text(2, "N"));
  for (size_t i = 0; i < sizes.size(); ++i) {
    // A size that is not known has a name, which is a parameter of the graph.
    const bool any = sizes[i] == OnnxGraph::kAnySize;
    shape.message(1, any ? Message().text(2, fmt::format("{}_size{}", name, i + 1)) : Message().integer(1, sizes[i]));
  }
  const Message tensor = Message().integer(1, type).message(2, shape);
  return Message().text(1, name).message(2, Message().message(1, tensor));
}

/// Returns an AttributeProto.
Message encoded(const std::string& name, const OnnxGraph::Attribute& value) {
  Message message;
  message.text(1, name);
  if (const auto* number = std::get_if<int64_t>(&value)) {
    message.integer(3, *number).integer(20, kIntAttribute);
  } else if (const auto* real = std::get_if<double>(&value)) {
    message.real(2, static_cast<float>(*real)).integer(20, kFloatAttribute);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    message.text(4, *text).integer(20, kStringAttribute);
  } else {
    for (const int64_t each : std::get<std::vector<int64_t>>(value)) message.integer(8, each);
    message.integer(20, kIntsAttribute);
  }
  return message;
}

}  // namespace

std::string OnnxGraph::unique(const std::string& name) {
  std::string free = scope_ + name;
  for (int n = 1; !names_.insert(free).second; ++n) free = fmt::format("{}{}_{}", scope_, name, n);
  return free;
}

std::string OnnxGraph::input(const std::string& name, torch::ScalarType type, at::IntArrayRef sizes) {
  names_.insert(name);
  given_.push_back({name, type, sizes.vec()});
  inputs_ += Message().message(11, value_info(name, type == torch::kLong ? kInt64Type : kFloatType, sizes)).bytes();
  return name;
}

std::string OnnxGraph::store(const std::string& name, const torch::Tensor& contiguous, int64_t type) {
  const std::string free = unique(name);
  store_as(free, contiguous, type);
  return free;
}

void OnnxGraph::store_as(const std::string& free, const torch::Tensor& contiguous, int64_t type) {
  Message tensor;
  for (const int64_t size : contiguous.sizes()) tensor.integer(1, size);
  tensor.integer(2, type).text(8, free);
  tensor.text(9, {static_cast<const char*>(contiguous.data_ptr()), contiguous.nbytes()});
  constants_ += Message().message(5, tensor).bytes();
}

std::string OnnxGraph::constant(const std::string& name, const torch::Tensor& value) {
  // The graph keeps the tensors, so that no other can take their place in memory.
  const auto [first, last] = stored_.equal_range(value.data_ptr());
  for (auto at = first; at != last; ++at) {
    const torch::Tensor& other = at->second.first;
    if (other.sizes() == value.sizes() && other.strides() == value.strides() && other.dtype() == value.dtype()) {
      return at->second.second;
    }
  }
  const bool whole = value.scalar_type() == torch::kLong;
  const torch::Tensor plain = value.detach().to(torch::kCPU, whole ? torch::kLong : torch::kFloat).contiguous();
  std::string values;
  if (precision_.ranges) {
    // What is done with it decides how it is stored.
    values = unique(name);
    waiting_.insert(values);
  } else if (precision_.weights == WeightPrecision::fp32 || !is_rounded_weight(plain)) {
    values = store(name, plain, whole ? kInt64Type : kFloatType);
  } else if (precision_.weights == WeightPrecision::fp16) {
    const std::string half = store(name, rounded(plain, precision_.weights).to(torch::kHalf).contiguous(), kHalfType);
    values = node("Cast", {half}, {{"to", kFloatType}});
  } else {
    values = unique(name);
    emit(values, plain);
  }
  values_.emplace(values, plain);
  stored_.emplace(value.data_ptr(), std::pair{value.detach(), values});
  return values;
}

void OnnxGraph::emit(const std::string& values, const torch::Tensor& plain) {
  if (!is_rounded_weight(plain)) {
    store_as(values, plain, plain.scalar_type() == torch::kLong ? kInt64Type : kFloatType);
    return;
  }
  // Runtimes compute this once, when they load the file; ONNX Runtime does a DequantizeLinear in every run.
  const QuantizedTensor quantized = quantize_int8(plain);
  std::vector<int64_t> sizes(static_cast<size_t>(plain.dim()), 1);
  sizes[static_cast<size_t>(quantized.axis)] = -1;
  const std::string numbers = values + "_numbers", steps = values + "_steps", floats = values + "_floats";
  store_as(numbers, quantized.numbers.contiguous(), kInt8Type);
  store_as(steps, quantized.steps.view(sizes).contiguous(), kFloatType);
  add("Cast", {numbers}, {floats}, {{"to", kFloatType}});
  add("Mul", {floats, steps}, {values}, {});
}

void OnnxGraph::emit_quantized(const std::string& values, const QuantizedTensor& quantized, int64_t type) {
  const std::string numbers = values + "_numbers", steps = values + "_steps";
  store_as(numbers, quantized.numbers.contiguous(), type);
  store_as(steps, quantized.steps.contiguous(), kFloatType);
  add("DequantizeLinear", {numbers, steps}, {values}, {{"axis", quantized.axis}});
}

void OnnxGraph::emit_waiting(const std::vector<std::string>& inputs) {
  for (const auto& input : inputs) {
    if (waiting_.erase(input)) emit(input, values_.at(input));
  }
}

bool OnnxGraph::is_convolution(const std::string& op, const std::vector<std::string>& inputs,
                               const Attributes& attributes) const {
  if (op != "Conv") return false;
  for (const auto& [name, value] : attributes) {
    if (name == "group") return false;
  }
  const auto weight = values_.find(inputs[1]);
  return weight != values_.end() && is_rounded_weight(weight->second);
}

std::pair<double, int64_t> OnnxGraph::step_and_zero(const std::string& maps) const {
  const auto found = precision_.ranges->find(maps);
  if (found == precision_.ranges->end()) throw InternalError("no range of " + maps);
  // Zero, which pads, is one of the numbers.
  const double low = std::min(found->second.first, 0.0f), high = std::max(found->second.second, 0.0f);
  const double step = std::max((high - low) / kLevels, 1e-8);
  return {static_cast<float>(step), std::lround(-low / step)};
}

std::string OnnxGraph::rounded_maps(const std::string& maps) {
  const auto known = rounded_maps_.find(maps);
  if (known != rounded_maps_.end()) return known->second;
  const auto [step, zero] = step_and_zero(maps);
  const std::string steps = maps + "_step", zeros = maps + "_zero", numbers = maps + "_numbers",
                    back = maps + "_rounded";
  store_as(steps, torch::tensor(step, torch::kFloat), kFloatType);
  store_as(zeros, torch::tensor(zero, torch::kByte), kUint8Type);
  add("QuantizeLinear", {maps, steps, zeros}, {numbers}, {});
  add("DequantizeLinear", {numbers, steps, zeros}, {back}, {});
  return rounded_maps_[maps] = back;
}

std::string OnnxGraph::rounded_convolution(const std::vector<std::string>& inputs, const Attributes& attributes) {
  std::vector<std::string> rounded{rounded_maps(inputs[0]), inputs[1]};
  // A step for each channel that is made, since sums of products have one.
  const QuantizedTensor weight = quantize_int8(values_.at(inputs[1]), 0);
  if (waiting_.erase(inputs[1])) emit_quantized(inputs[1], weight, kInt8Type);
  const std::string made = unique("Conv");
  if (inputs.size() > 2) {
    const torch::Tensor steps = weight.steps * step_and_zero(inputs[0]).first;
    const torch::Tensor whole = (values_.at(inputs[2]) / steps).round().clamp(-kLargestSum, kLargestSum);
    rounded.push_back(made + "_bias");
    emit_quantized(rounded.back(), {whole.to(torch::kInt), steps, 0}, kInt32Type);
  }
  add("Conv", rounded, {made}, attributes);
  return rounded_maps(made);
}

void OnnxGraph::output_convolved() {
  for (const auto& name : convolved_) {
    const Message type = Message().message(1, Message().integer(1, kFloatType));
    outputs_ += Message().message(12, Message().text(1, name).message(2, type)).bytes();
  }
}

std::string OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                            const Attributes& attributes) {
  return node(op, inputs, attributes, 1)[0];
}

std::vector<std::string> OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                                         const Attributes& attributes, int64_t count) {
  const bool convolution = is_convolution(op, inputs, attributes);
  if (convolution && precision_.ranges) return {rounded_convolution(inputs, attributes)};
  emit_waiting(inputs);
  std::vector<std::string> outputs;
  for (int64_t i = 0; i < count; ++i) outputs.push_back(unique(op));
  add(op, inputs, outputs, attributes);
  if (convolution) convolved_.insert({inputs[0], outputs[0]});
  return outputs;
}

void OnnxGraph::add(const std::string& op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const Attributes& attributes) {
  Message message;
  for (const auto& input : inputs) message.text(1, input);
  for (const auto& output : outputs) message.text(2, output);
  message.text(3, outputs[0]).text(4, op);
  for (const auto& [name, value] : attributes) message.message(5, encoded(name, value));
  nodes_ += Message().message(1, message).bytes();
}

void OnnxGraph::output(const std::string& value, const std::string& name, at::IntArrayRef sizes) {
  names_.insert(name);
  made_.push_back(name);
  nodes_ += Message().message(1, Message().text(1, value).text(2, name).text(3, name).text(4, "Identity")).bytes();
  outputs_ += Message().message(12, value_info(name, kFloatType, sizes)).bytes();
}

std::string OnnxGraph::bytes() const {
  Message graph;
  graph.fields(nodes_).text(2, "generator").fields(constants_).fields(inputs_).fields(outputs_);
  Message model;
  model.integer(1, kIrVersion).text(2, "dgl").text(6, text_).message(7, graph);
  model.message(8, Message().text(1, "").integer(2, kOperatorSet));
  for (const auto& [key, value] : properties_) model.message(14, Message().text(1, key).text(2, value));
  return model.bytes();
}

void OnnxGraph::save(const std::filesystem::path& path) const {
  const std::string file = bytes();
  if (file.size() > INT32_MAX) {
    fail_file("{}: the model takes {} bytes, and an ONNX file holds at most {}", path.string(), file.size(), INT32_MAX);
  }
  write_file(path, file);
}

}  // namespace dgl
