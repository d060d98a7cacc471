#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "dgl/formats/safetensors.h"
#include "hashed.h"

namespace dgl::test {

/// Weights of LPIPS on VGG16, each a hash of its name and index, so that 15 million of them need no file: convolutions
/// uniform with variance 2 / fan-in, weights of channels positive.
inline TensorFile hashed_lpips(const std::string& prefix = "") {
  TensorFile file;
  const auto put = [&](const std::string& name, const torch::Tensor& tensor) {
    file.tensors[prefix + name] = tensor.to(torch::kFloat);
  };
  const auto hashes = [](const std::string& name, const std::vector<int64_t>& sizes) {
    return hashed_tensor(sizes, salt_of(name));
  };
  const std::vector<std::vector<int64_t>> places{{0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};
  const std::vector<int64_t> channels{64, 128, 256, 512, 512};
  int64_t in = 3;
  for (size_t i = 0; i < places.size(); ++i) {
    for (const int64_t place : places[i]) {
      const std::string name = fmt::format("net.slice{}.{}.", i + 1, place);
      put(name + "weight",
          hashes(name + "weight", {channels[i], in, 3, 3}) * std::sqrt(6.0 / static_cast<double>(9 * in)));
      put(name + "bias", 0.25 * hashes(name + "bias", {channels[i]}));
      in = channels[i];
    }
    const std::string name = fmt::format("lin{}.model.1.weight", i);
    put(name, hashes(name, {1, channels[i], 1, 1}).abs());
  }
  put("scaling_layer.shift", torch::tensor({-.030, -.088, -.188}).view({1, 3, 1, 1}));
  put("scaling_layer.scale", torch::tensor({.458, .448, .450}).view({1, 3, 1, 1}));
  return file;
}

}  // namespace dgl::test
