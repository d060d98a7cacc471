#include "dgl/formats/onnx.h"

#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/formats/protobuf.h"

namespace dgl {

namespace {

constexpr int64_t kIrVersion = 7, kOperatorSet = 13;
constexpr int64_t kFloatType = 1, kInt8Type = 3, kInt64Type = 7, kHalfType = 10;  // TensorProto.DataType
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
  Message tensor;
  for (const int64_t size : contiguous.sizes()) tensor.integer(1, size);
  tensor.integer(2, type).text(8, free);
  tensor.text(9, {static_cast<const char*>(contiguous.data_ptr()), contiguous.nbytes()});
  constants_ += Message().message(5, tensor).bytes();
  return free;
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
  if (weights_ == WeightPrecision::fp32 || !is_rounded_weight(plain)) {
    values = store(name, plain, whole ? kInt64Type : kFloatType);
  } else if (weights_ == WeightPrecision::fp16) {
    const std::string half = store(name, rounded(plain, weights_).to(torch::kHalf).contiguous(), kHalfType);
    values = node("Cast", {half}, {{"to", kFloatType}});
  } else {
    const QuantizedTensor quantized = quantize_int8(plain);
    const std::string numbers = store(name, quantized.numbers.contiguous(), kInt8Type);
    const std::string steps = store(name + "_steps", quantized.steps.contiguous(), kFloatType);
    values = node("DequantizeLinear", {numbers, steps}, {{"axis", quantized.axis}});
  }
  stored_.emplace(value.data_ptr(), std::pair{value.detach(), values});
  return values;
}

std::string OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                            const Attributes& attributes) {
  return node(op, inputs, attributes, 1)[0];
}

std::vector<std::string> OnnxGraph::node(const std::string& op, const std::vector<std::string>& inputs,
                                         const Attributes& attributes, int64_t count) {
  Message message;
  for (const auto& input : inputs) message.text(1, input);
  std::vector<std::string> outputs;
  for (int64_t i = 0; i < count; ++i) {
    outputs.push_back(unique(op));
    message.text(2, outputs.back());
  }
  message.text(3, outputs[0]).text(4, op);
  for (const auto& [name, value] : attributes) message.message(5, encoded(name, value));
  nodes_ += Message().message(1, message).bytes();
  return outputs;
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
