#pragma once

#include "dgl/formats/onnx.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A generator as an ONNX graph that computes what sample() does with its stored noise: inputs `z` [N, z_dim] float32
/// and, for a conditional one, `labels` [N] int64; output `images` [N, C, R, R] float32, about -1 … 1 and not clamped.
/// `psi` is built in. Operators that every runtime has: convolutions, matrix products, elementwise ones; demodulation
/// is applied to feature maps, so that no weight depends on the input. `info` is where the model came from, for its
/// metadata.
OnnxGraph onnx_graph(const Generator& generator, double psi, const nlohmann::json& info);

/// x [N, C] as [N, C, 1, 1].
std::string onnx_as_maps(OnnxGraph& graph, const std::string& x);
/// x [N, in] W^T + b of weight [out, in] and bias [out].
std::string onnx_linear(OnnxGraph& graph, const std::string& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace dgl
