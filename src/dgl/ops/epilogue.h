#pragma once

#include <cstdint>

#include <torch/types.h>

#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/vec.h"

namespace dgl::ops {

/// Returns data_ptr<float>(), or nullptr if `t` is undefined.
inline const float* pointer(const torch::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

/// What is applied to a convolution's output before it is stored: act(output * scale[n, c] + strength * noise +
/// bias[c]) * gain.
struct EpilogueParams {
  torch::Tensor scale;     ///< [N, O], or undefined for 1
  torch::Tensor noise;     ///< [N or 1, 1, H, W], or undefined for none
  torch::Tensor strength;  ///< a scalar
  torch::Tensor bias;      ///< [O]
  Activation activation;
};

/// The same as plain pointers, for the kernels of this library.
class Epilogue {
 public:
  explicit Epilogue(const EpilogueParams& step)
      : scale_(contiguous_or_undefined(step.scale)),
        bias_(contiguous_or_undefined(step.bias)),
        noise_(contiguous_or_undefined(step.noise)),
        noise_step_(noise_.defined() && noise_.size(0) > 1 ? noise_.size(2) * noise_.size(3) : 0),
        strength_(noise_.defined() ? step.strength.item<float>() : 0),
        alpha_(static_cast<float>(step.activation.alpha)),
        gain_(static_cast<float>(step.activation.gain)),
        scales_(pointer(scale_)),
        biases_(pointer(bias_)),
        noises_(pointer(noise_)) {}

  /// What all pixels of an image share, for the kVecSize channels from `c` on.
  struct Channels {
    Vec scale, bias;
  };
  Channels channels(int64_t image, int64_t count, int64_t c) const {
    return {scales_ ? load(scales_ + image * count + c) : Vec{} + 1.0f, load(biases_ + c)};
  }
  Vec operator()(Vec v, const Channels& channels, int64_t image, int64_t pixel) const {
    v = v * channels.scale + channels.bias;
    if (noises_) v += strength_ * noises_[image * noise_step_ + pixel];
    const Vec negative = v * alpha_;
    return (v > negative ? v : negative) * gain_;
  }

 private:
  torch::Tensor scale_, bias_, noise_;
  int64_t noise_step_;  // stride between images; 0 broadcasts
  float strength_, alpha_, gain_;
  const float *scales_, *biases_, *noises_;
};

}  // namespace dgl::ops
