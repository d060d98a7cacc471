#include "dgl/losses/adversarial.h"

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

namespace {

using torch::Tensor;

struct Logistic : AdversarialLoss {
  Tensor generator(const Tensor& s) const override { return at::softplus(-s); }
  Tensor discriminator_real(const Tensor& s) const override { return at::softplus(-s); }
  Tensor discriminator_fake(const Tensor& s) const override { return at::softplus(s); }
};

struct Hinge : AdversarialLoss {
  Tensor generator(const Tensor& s) const override { return -s; }
  Tensor discriminator_real(const Tensor& s) const override { return at::relu(1 - s); }
  Tensor discriminator_fake(const Tensor& s) const override { return at::relu(1 + s); }
};

struct LeastSquares : AdversarialLoss {
  Tensor generator(const Tensor& s) const override { return (s - 1).square(); }
  Tensor discriminator_real(const Tensor& s) const override { return (s - 1).square(); }
  Tensor discriminator_fake(const Tensor& s) const override { return s.square(); }
};

template <class Loss>
std::shared_ptr<const AdversarialLoss> make() {
  return std::make_shared<Loss>();
}

constexpr struct {
  const char* name;
  std::shared_ptr<const AdversarialLoss> (*make)();
} kLosses[] = {{"logistic", make<Logistic>}, {"hinge", make<Hinge>}, {"lsgan", make<LeastSquares>}};

}  // namespace

std::shared_ptr<const AdversarialLoss> make_adversarial_loss(const std::string& name, const std::string& key) {
  for (const auto& loss : kLosses) {
    if (name == loss.name) return loss.make();
  }
  fail("{} = \"{}\": expected {}", key, name, fmt::join(adversarial_loss_names(), " or "));
}

std::vector<std::string> adversarial_loss_names() {
  std::vector<std::string> names;
  for (const auto& loss : kLosses) names.emplace_back(loss.name);
  return names;
}

Tensor mean_over_patches(const Tensor& values) { return values.dim() == 1 ? values : values.flatten(1).mean(1); }

}  // namespace dgl
