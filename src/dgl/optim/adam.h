#pragma once

#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/base/workers.h"
#include "dgl/formats/safetensors.h"

namespace dgl {

struct AdamOptions {
  double lr = 0.0025, beta1 = 0, beta2 = 0.99, epsilon = 1e-8;

  /// The same step size and memory for a regularizer that is applied every `interval` steps in a step of its own
  /// (lazy regularization, arXiv 1912.04958, appendix B): with c = k / (k + 1), lr * c and beta^c.
  AdamOptions corrected_for(int64_t interval) const;
};

/// Adam (Kingma and Ba 2015, arXiv 1412.6980) over a module's parameters, as torch.optim.Adam computes it, but for a
/// parameter without a gradient, which counts as zero: its moments decay.
class Adam {
 public:
  Adam(torch::nn::Module& module, AdamOptions options);

  /// The L2 norm of all gradients; NaN or infinity where one of them is not finite.
  double gradient_norm(Workers& workers) const;
  void step(Workers& workers);

  /// Adds the moments under `prefix` + "m." or "v." + name and the step count; and reads them back.
  void put(TensorFile& file, const std::string& prefix) const;
  void get(const TensorFile& file, const std::string& prefix, const std::string& origin);

 private:
  struct Slot {
    std::string name;
    torch::Tensor parameter, m, v;
  };
  /// Whether a slot is updated in one pass over its memory. The others, on a GPU say, are updated at once, by
  /// operations on lists of tensors: on a GPU a launch for each parameter takes longer than its arithmetic.
  bool is_plain(const Slot& slot) const;
  double gradient_norm_at_once() const;
  void step_at_once(double correction1, double correction2);

  AdamOptions options_;
  std::vector<Slot> slots_;
  int64_t steps_ = 0;
};

}  // namespace dgl
