#include "dgl/families/stylegan2/tensor_names.h"

#include <bit>
#include <cstdint>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

namespace {

/// How many of name(first), name(first + 1), … are names of tensors.
template <class Name>
int64_t count_names(const NamedTensors& tensors, int64_t first, const Name& name) {
  int64_t n = 0;
  while (tensors.count(name(first + n))) ++n;
  return n;
}

/// "b32.conv0.weight" -> 32, "conv0.weight"; "c1.bias" -> 1, "bias".
std::pair<int64_t, std::string> split_block(const std::string& name) {
  const size_t dot = name.find('.');
  return {std::stoll(name.substr(1, dot - 1)), name.substr(dot + 1)};
}

int64_t log2_of(int64_t r) { return std::countr_zero(static_cast<uint64_t>(r)); }

std::string rosinality_generator_name(const std::string& ours) {
  if (ours.starts_with("mapping.fc")) {
    const auto [layer, rest] = split_block(ours.substr(std::string("mapping.f").size()));
    return fmt::format("style.{}.{}", layer + 1, rest);
  }
  if (ours == "mapping.w_avg") return "latent_avg";
  if (ours == "synthesis.const") return "input.input";
  const auto [r, rest] = split_block(ours.substr(std::string("synthesis.").size()));
  const int64_t k = log2_of(r) - 3;  // -1 at 4 x 4
  const size_t dot = rest.find('.');
  const std::string layer = rest.substr(0, dot), part = rest.substr(dot + 1);
  if (layer == "torgb") {
    const std::string to_rgb = k < 0 ? "to_rgb1." : fmt::format("to_rgbs.{}.", k);
    if (part == "bias") return to_rgb + part;
    return to_rgb + (part == "weight" ? "conv.weight" : "conv.modulation." + part.substr(7));
  }
  const int64_t index = layer == "conv0" ? 2 * k : 2 * k + 1;
  if (part == "noise_const") return fmt::format("noises.noise_{}", index + 1);
  const std::string conv = k < 0 ? "conv1." : fmt::format("convs.{}.", index);
  if (part == "weight") return conv + "conv.weight";
  if (part == "bias") return conv + "activate.bias";
  if (part == "noise_strength") return conv + "noise.weight";
  return conv + "conv.modulation." + part.substr(7);  // affine.
}

std::string rosinality_discriminator_name(const std::string& ours, int64_t resolution) {
  const auto [r, rest] = split_block(ours);
  const size_t dot = rest.find('.');
  const std::string layer = rest.substr(0, dot), part = rest.substr(dot + 1);
  const bool bias = part == "bias";
  if (layer == "fromrgb") return bias ? "convs.0.1.bias" : "convs.0.0.weight";
  if (layer == "conv") return bias ? "final_conv.1.bias" : "final_conv.0.weight";
  if (layer == "fc") return "final_linear.0." + part;
  if (layer == "out") return "final_linear.1." + part;
  const std::string block = fmt::format("convs.{}.", log2_of(resolution) - log2_of(r) + 1);
  if (layer == "conv0") return block + (bias ? "conv1.1.bias" : "conv1.0.weight");
  if (layer == "conv1") return block + (bias ? "conv2.2.bias" : "conv2.1.weight");
  return block + "skip.1.weight";
}

/// Dimensions of a tensor of ours.
int64_t dimensions_of(const std::string& ours) {
  if (ours.ends_with("noise_strength")) return 0;
  if (ours.ends_with("bias") || ours.ends_with("w_avg")) return 1;
  if (ours.ends_with("noise_const") || ours.ends_with("affine.weight") || ours.starts_with("mapping.") ||
      ours == "b4.fc.weight" || ours == "b4.out.weight") {
    return 2;
  }
  return ours == "synthesis.const" ? 3 : 4;
}

}  // namespace

NetworkLayout guess_layout(TensorNaming naming, bool generator, const NamedTensors& tensors) {
  NetworkLayout layout{generator};
  const auto mapping_name = [&](int64_t i) {
    return naming == TensorNaming::rosinality ? fmt::format("style.{}.weight", i + 1)
                                              : fmt::format("mapping.fc{}.weight", i);
  };
  const auto block_name = [&](int64_t i) {  // of resolution 8 << i, or from the largest down
    if (naming == TensorNaming::ada)
      return fmt::format("{}b{}.conv0.weight", generator ? "synthesis." : "", int64_t{8} << i);
    return generator ? fmt::format("to_rgbs.{}.conv.weight", i) : fmt::format("convs.{}.conv1.0.weight", i + 1);
  };
  layout.resolution = int64_t{4} << std::clamp<int64_t>(count_names(tensors, 0, block_name), 1, 20);
  layout.labels = naming == TensorNaming::ada && tensors.count("mapping.embed.weight");
  layout.mapping_layers = count_names(tensors, 0, mapping_name);
  if (generator || layout.labels) layout.mapping_layers = std::max<int64_t>(layout.mapping_layers, 1);
  layout.residual =
      naming == TensorNaming::rosinality || tensors.count(fmt::format("b{}.skip.weight", layout.resolution)) > 0;
  return layout;
}

std::vector<std::string> tensor_names(const NetworkLayout& layout) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& layer, std::initializer_list<const char*> parts) {
    for (const char* part : parts) names.push_back(layer + part);
  };
  if (layout.labels) add("mapping.embed.", {"weight", "bias"});
  for (int64_t i = 0; i < layout.mapping_layers; ++i) add(fmt::format("mapping.fc{}.", i), {"weight", "bias"});
  if (layout.generator) {
    names.push_back("synthesis.const");
    for (int64_t r = 4; r <= layout.resolution; r *= 2) {
      const std::string block = fmt::format("synthesis.b{}.", r);
      for (const char* layer : {"conv0.", "conv1."}) {
        if (r == 4 && std::string(layer) == "conv0.") continue;
        add(block + layer, {"affine.weight", "affine.bias", "weight", "bias", "noise_strength", "noise_const"});
      }
      add(block + "torgb.", {"affine.weight", "affine.bias", "weight", "bias"});
    }
    return names;
  }
  for (int64_t r = layout.resolution; r > 4; r /= 2) {
    const std::string block = fmt::format("b{}.", r);
    if (r == layout.resolution) add(block + "fromrgb.", {"weight", "bias"});
    for (const char* layer : {"conv0.", "conv1."}) add(block + layer, {"weight", "bias"});
    if (layout.residual) names.push_back(block + "skip.weight");
  }
  for (const char* layer : {"conv.", "fc.", "out."}) add(std::string("b4.") + layer, {"weight", "bias"});
  return names;
}

std::string foreign_name(TensorNaming naming, const NetworkLayout& layout, const std::string& ours) {
  if (naming == TensorNaming::ada) return ours == "synthesis.const" ? "synthesis.b4.const" : ours;
  return layout.generator ? rosinality_generator_name(ours) : rosinality_discriminator_name(ours, layout.resolution);
}

torch::Tensor to_our_shape(const std::string& ours, const torch::Tensor& tensor) {
  const int64_t wanted = dimensions_of(ours);
  torch::Tensor result = tensor;
  while (result.dim() > wanted && result.size(0) == 1 && (wanted != 1 || result.size(-1) != 1))
    result = result.squeeze(0);
  while (wanted == 1 && result.dim() > 1 && result.size(-1) == 1) result = result.squeeze(-1);
  while (wanted == 1 && result.dim() > 1 && result.size(0) == 1) result = result.squeeze(0);
  return result;
}

torch::Tensor to_rosinality_shape(bool generator, const std::string& ours, const torch::Tensor& tensor) {
  if (!generator) return tensor;
  if (ours.ends_with("noise_strength")) return tensor.view({1});
  if (ours.ends_with("noise_const")) return tensor.unsqueeze(0).unsqueeze(0);
  if (ours.ends_with("torgb.bias")) return tensor.view({1, -1, 1, 1});
  return dimensions_of(ours) >= 3 ? tensor.unsqueeze(0) : tensor;
}

std::vector<std::pair<std::string, double>> rosinality_filters(const NetworkLayout& layout) {
  std::vector<std::pair<std::string, double>> filters;
  for (int64_t k = 0; k < log2_of(layout.resolution) - 2; ++k) {
    if (layout.generator) {
      filters.emplace_back(fmt::format("convs.{}.conv.blur.kernel", 2 * k), 4);
      filters.emplace_back(fmt::format("to_rgbs.{}.upsample.kernel", k), 4);
    } else {
      filters.emplace_back(fmt::format("convs.{}.conv2.0.kernel", k + 1), 1);
      filters.emplace_back(fmt::format("convs.{}.skip.0.kernel", k + 1), 1);
    }
  }
  return filters;
}

bool is_filter_name(TensorNaming naming, const std::string& name) {
  return name.ends_with(naming == TensorNaming::rosinality ? ".kernel" : "resample_filter");
}

}  // namespace dgl
