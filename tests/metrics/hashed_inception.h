#pragma once

#include <cmath>

#include "dgl/formats/safetensors.h"
#include "hashed.h"

namespace dgl::test {

/// Weights of the FID Inception network, each a hash of its name and index, so that 24 million of them need no file:
/// convolutions and the last layer uniform with variance 2 / fan-in, batch norms positive.
inline torch::Tensor hashed_weight(const std::string& name, at::IntArrayRef sizes) {
  const torch::Tensor u = hashed_tensor(sizes, salt_of(name));
  const auto ends = [&](const std::string& end) { return name.size() >= end.size() && name.ends_with(end); };
  if (ends("bn.weight")) return (1 + 0.25 * u).to(torch::kFloat);
  if (ends("running_var")) return (1 + 0.5 * u).to(torch::kFloat);
  if (sizes.size() == 1) return (0.25 * u).to(torch::kFloat);
  return (u * std::sqrt(6.0 * static_cast<double>(sizes[0]) / static_cast<double>(u.numel()))).to(torch::kFloat);
}

/// A whole state dict of them. Shapes are those of the file that everyone uses, written down here once more.
inline TensorFile hashed_inception() {
  TensorFile file;
  const auto put = [&](const std::string& name, std::vector<int64_t> sizes) {
    file.tensors[name] = hashed_weight(name, sizes);
  };
  std::string block;
  const auto conv = [&](const std::string& name, int64_t in, int64_t out, int64_t height, int64_t width) {
    const std::string layer = block + name;
    put(layer + ".conv.weight", {out, in, height, width});
    for (const char* of : {"weight", "bias", "running_mean", "running_var"}) put(layer + ".bn." + of, {out});
    file.tensors[layer + ".bn.num_batches_tracked"] = torch::zeros({}, torch::kLong);
  };
  conv("Conv2d_1a_3x3", 3, 32, 3, 3);
  conv("Conv2d_2a_3x3", 32, 32, 3, 3);
  conv("Conv2d_2b_3x3", 32, 64, 3, 3);
  conv("Conv2d_3b_1x1", 64, 80, 1, 1);
  conv("Conv2d_4a_3x3", 80, 192, 3, 3);
  const auto in_block = [&](const std::string& name) { block = name + "."; };
  for (const auto& [name, in, pool] : {std::tuple{"Mixed_5b", 192, 32}, {"Mixed_5c", 256, 64}, {"Mixed_5d", 288, 64}}) {
    in_block(name);
    conv("branch1x1", in, 64, 1, 1);
    conv("branch5x5_1", in, 48, 1, 1);
    conv("branch5x5_2", 48, 64, 5, 5);
    conv("branch3x3dbl_1", in, 64, 1, 1);
    conv("branch3x3dbl_2", 64, 96, 3, 3);
    conv("branch3x3dbl_3", 96, 96, 3, 3);
    conv("branch_pool", in, pool, 1, 1);
  }
  in_block("Mixed_6a");
  conv("branch3x3", 288, 384, 3, 3);
  conv("branch3x3dbl_1", 288, 64, 1, 1);
  conv("branch3x3dbl_2", 64, 96, 3, 3);
  conv("branch3x3dbl_3", 96, 96, 3, 3);
  for (const auto& [name, c] : {std::pair{"Mixed_6b", 128}, {"Mixed_6c", 160}, {"Mixed_6d", 160}, {"Mixed_6e", 192}}) {
    in_block(name);
    conv("branch1x1", 768, 192, 1, 1);
    conv("branch7x7_1", 768, c, 1, 1);
    conv("branch7x7_2", c, c, 1, 7);
    conv("branch7x7_3", c, 192, 7, 1);
    conv("branch7x7dbl_1", 768, c, 1, 1);
    conv("branch7x7dbl_2", c, c, 7, 1);
    conv("branch7x7dbl_3", c, c, 1, 7);
    conv("branch7x7dbl_4", c, c, 7, 1);
    conv("branch7x7dbl_5", c, 192, 1, 7);
    conv("branch_pool", 768, 192, 1, 1);
  }
  in_block("Mixed_7a");
  conv("branch3x3_1", 768, 192, 1, 1);
  conv("branch3x3_2", 192, 320, 3, 3);
  conv("branch7x7x3_1", 768, 192, 1, 1);
  conv("branch7x7x3_2", 192, 192, 1, 7);
  conv("branch7x7x3_3", 192, 192, 7, 1);
  conv("branch7x7x3_4", 192, 192, 3, 3);
  for (const auto& [name, in] : {std::pair{"Mixed_7b", 1280}, {"Mixed_7c", 2048}}) {
    in_block(name);
    conv("branch1x1", in, 320, 1, 1);
    conv("branch3x3_1", in, 384, 1, 1);
    conv("branch3x3_2a", 384, 384, 1, 3);
    conv("branch3x3_2b", 384, 384, 3, 1);
    conv("branch3x3dbl_1", in, 448, 1, 1);
    conv("branch3x3dbl_2", 448, 384, 3, 3);
    conv("branch3x3dbl_3a", 384, 384, 1, 3);
    conv("branch3x3dbl_3b", 384, 384, 3, 1);
    conv("branch_pool", in, 192, 1, 1);
  }
  put("fc.weight", {1008, 2048});
  put("fc.bias", {1008});
  return file;
}

}  // namespace dgl::test
