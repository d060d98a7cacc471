#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/formats/onnx.h"
#include "dgl/nn/network.h"

namespace dgl {

/// A sampler as an ONNX graph that computes what sample() does with its stored noise. Inputs are those of its spec: `z`
/// [N, ...] float32, `labels` [N] int64, `images` [N, C, H, W] float32; the output is `images` [N, C, H, W] float32
/// (`output` for a sampler that translates images), about -1 … 1 and not clamped. `psi` is built in. Uses operators
/// that every runtime has: convolutions, matrix products, elementwise ones; demodulation is applied to feature maps, so
/// that no weight depends on the input. `info` tells where the model came from, for the file's metadata.
OnnxGraph onnx_graph(const Sampler& sampler, double psi, const nlohmann::json& info, OnnxPrecision precision = {});

/// One network as an ONNX graph that computes what `dgl apply` does. Throws Error, which names `origin`, for a kind of
/// network that has none.
OnnxGraph onnx_graph(const Network& network, const std::string& origin, const nlohmann::json& info,
                     OnnxPrecision precision = {});

/// x [N, C] as [N, C, 1, 1].
std::string onnx_as_maps(OnnxGraph& graph, const std::string& x);
/// x [N, C, H, W] at twice the size, by nearest neighbors.
std::string onnx_upsampled(OnnxGraph& graph, const std::string& x);
/// x [N, in] W^T + b of weight [out, in] and bias [out].
std::string onnx_linear(OnnxGraph& graph, const std::string& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace dgl
