#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/base/workers.h"
#include "dgl/formats/safetensors.h"
#include "dgl/ops/adam_update.h"

namespace dgl {

struct AdamOptions {
  double lr = 0.0025, beta1 = 0, beta2 = 0.99, epsilon = 1e-8;

  /// Returns options with the same step size and memory for a regularizer that has its own step every `interval` steps
  /// (lazy regularization, arXiv 1912.04958, appendix B): with c = k / (k + 1), lr * c and beta^c.
  AdamOptions corrected_for(int64_t interval) const;
};

/// Adam (Kingma and Ba 2015, arXiv 1412.6980) over a module's parameters, computed as torch.optim.Adam does. The one
/// difference: a missing gradient counts as zero, so the parameter's moments decay.
class Adam {
 public:
  Adam(torch::nn::Module& module, AdamOptions options);

  /// Returns the L2 norm of all gradients; NaN or infinity if a gradient is not finite.
  double gradient_norm(Workers& workers) const;
  /// Takes a step at the learning rate times `rate`, with the gradients times `scale`.
  void step(Workers& workers, double rate = 1, double scale = 1);
  /// Steps so far, by which the moments are corrected.
  int64_t steps() const { return steps_; }
  const AdamOptions& options() const { return options_; }
  void set_options(const AdamOptions& options) { options_ = options; }

  /// put() adds the moments as `prefix` + "m." or "v." + name, and the step count as `prefix` + "steps". get() reads
  /// them.
  void put(TensorFile& file, const std::string& prefix) const;
  void get(const TensorFile& file, const std::string& prefix, const std::string& origin);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, m, v;
  };
  /// True if a slot is updated in one pass over its memory. The others, such as those on a GPU, are updated together by
  /// operations on lists of tensors: a GPU launch per parameter would take longer than its arithmetic.
  bool is_plain(const Slot& slot) const;
  double gradient_norm_at_once() const;
  /// Takes the step by the GPU's kernel, 48 parameters at a time. Returns false, and does nothing, if it does not take
  /// all parameters.
  bool step_on_gpu(const ops::AdamNumbers& numbers, float scale);
  void step_at_once(const AdamOptions& options, double correction1, double correction2);

  AdamOptions options_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

}  // namespace dgl
