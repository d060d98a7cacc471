#include "dgl/data/augmentation.h"

#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr const char* kSign = "augment_sign";
constexpr const char* kShare = "augment_share";  // share of a batch that is real images
constexpr double kBatchesToMove = 4;

}  // namespace

Augmentation::Augmentation(const AugmentationOptions& options)
    : operations_(DiffAugment::parse(options.operations, "training.augment")),
      target_(options.ada_target),
      per_batch_(static_cast<double>(options.batch) / options.ada_images),
      p_(at::full({}, target_ > 0 ? 0 : options.probability)),
      signs_(at::zeros({})),
      batches_(at::zeros({})) {}

Tensor Augmentation::operator()(const Tensor& images, const at::Generator& random) const {
  return operations_(images, random, probability());
}

void Augmentation::watch(const Tensor& scores, bool real, std::map<std::string, Tensor>& statistics) const {
  if (target_ == 0) return;
  const double share = real ? 1 : 0;
  statistics[kSign] = scores.detach().sign().mean() * share;
  statistics[kShare] = at::full({}, share);
}

void Augmentation::update_statistics(const std::map<std::string, Tensor>& statistics) {
  const auto sign = statistics.find(kSign);
  if (sign == statistics.end()) return;
  const torch::NoGradGuard no_grad;
  signs_ += sign->second.to(signs_.device());
  batches_ += statistics.at(kShare);
  const auto batches = batches_.item<double>();
  if (batches < kBatchesToMove) return;
  const double mean = signs_.item<double>() / batches;
  p_ += (mean > target_ ? 1 : mean < target_ ? -1 : 0) * batches * per_batch_;
  p_.clamp_(0, 1);
  signs_.zero_();
  batches_.zero_();
}

std::map<std::string, Tensor> Augmentation::state() const {
  if (target_ == 0) return {};
  return {{"p", p_}, {"signs", signs_}, {"batches", batches_}};
}

}  // namespace dgl
