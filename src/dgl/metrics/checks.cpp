#include "dgl/metrics/checks.h"

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

void check_rows(const torch::Tensor& rows, const std::string& what) {
  if (rows.dim() != 2 || rows.size(1) < 1) {
    fail("{}: a tensor of shape [{}], expected [n, d]", what,
         fmt::join(rows.sizes().begin(), rows.sizes().end(), ", "));
  }
  if (!rows.isfinite().all().item<bool>()) fail("{}: there are numbers that are not finite", what);
}

void check_pair(const torch::Tensor& real, const torch::Tensor& fake, const std::string& what) {
  check_rows(real, what + ": real features");
  check_rows(fake, what + ": fake features");
  if (real.size(1) != fake.size(1)) {
    fail("{}: {} real features against {} fake ones", what, real.size(1), fake.size(1));
  }
}

}  // namespace dgl
