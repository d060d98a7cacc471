#include "dgl/losses/adversarial.h"

#include "dgl/base/error.h"

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

}  // namespace

std::shared_ptr<const AdversarialLoss> make_adversarial_loss(const std::string& name, const std::string& key) {
  if (name == "logistic") return std::make_shared<Logistic>();
  if (name == "hinge") return std::make_shared<Hinge>();
  fail("{} = \"{}\": expected logistic or hinge", key, name);
}

std::shared_ptr<const AdversarialLoss> default_adversarial_loss(const std::string& family) {
  return make_adversarial_loss(family == "biggan" ? "hinge" : "logistic", "the loss of " + family);
}

}  // namespace dgl
