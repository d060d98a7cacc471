#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/guidance/discriminator_guidance.h"
#include "dgl/guidance/discriminator_term.h"

namespace dgl {

/// What the student is, for teachers to fit.
struct StudentShape {
  ImageShape image;
  int64_t classes = 0;  ///< labels of its images; 0: none
};

/// All that teachers add to a student's losses: terms of the generator's loss, which are summed, and what the first
/// teacher tells the student's discriminator. Knows nothing of the family that made the images: a teacher has to fit
/// their size only, or to have them resized. Where images are of one data domain of several, the first teacher is the
/// first that judges that domain.
class Guidance {
 public:
  /// Adds a teacher's discriminator and freezes it. Throws Error if it judges images of another shape and they are not
  /// to be resized, or if it knows labels, but not those that the student has.
  void add(DiscriminatorTeacher teacher, const StudentShape& student);
  /// Adds any other term.
  void add(std::unique_ptr<GuidanceTerm> term);
  /// Whether no term was added.
  bool empty() const { return terms_.empty(); }

  /// The terms of teachers' discriminators, in the order that they were added.
  std::vector<const DiscriminatorTerm*> discriminators() const;

  /// Lets the student's discriminator learn from the first teacher too, and from images of `generator`, which is needed
  /// only if they are wanted. Throws Error if these do not fit, as add() does, or if it makes images of images.
  void guide_discriminator(const DiscriminatorGuidance& how, std::shared_ptr<Sampler> generator,
                           const StudentShape& student);
  const DiscriminatorGuidance& discriminator() const { return discriminator_; }
  /// Images [n, C, R, R] of the teacher's generator, of fresh latents and `labels` [n] (or undefined), without
  /// gradients.
  torch::Tensor teacher_images(int64_t n, const torch::Tensor& labels, const at::Generator& random) const;
  /// DiscriminatorGuidance::logit_prior times the first teacher's scores [N], differentiable in the images; `chunks` as
  /// in Discriminator::judge(). Undefined if there is no prior.
  torch::Tensor logit_prior(const torch::Tensor& images, const torch::Tensor& labels, int64_t chunks,
                            size_t domain = 0) const;
  /// Feature maps of the first teacher's blocks for images, without gradients.
  std::vector<torch::Tensor> teacher_features(const torch::Tensor& images, const torch::Tensor& labels,
                                              size_t domain = 0) const;
  /// The first teacher's scores [N] of images, without gradients.
  torch::Tensor teacher_scores(const torch::Tensor& images, const torch::Tensor& labels, size_t domain = 0) const;

  /// The most images that one of the teachers scores together (Discriminator::group()).
  int64_t group() const;

  /// Adds what a stage of distillation minimizes, for images of the term's domain, in place of the student's own
  /// losses.
  void add_distillation(std::unique_ptr<GuidanceTerm> term) { distillation_.push_back(std::move(term)); }
  /// The loss of a stage of distillation for images of one domain. Modifies nothing. Throws Error if there is none.
  GuidanceResult distill(const GuidanceInput& input) const;

  /// The sum of the terms of the input's domain. Modifies nothing, so that shards can be judged concurrently.
  GuidanceResult evaluate(const GuidanceInput& input) const;
  /// GuidanceTerm::recordable_at() of all terms; nothing if one has none.
  std::optional<std::vector<double>> recordable_at(double progress) const;
  /// Takes the statistics of one step, averaged over shards. Unknown names are ignored.
  void update_statistics(const Scalars& statistics);
  /// The terms' state by name, tensors shared with them.
  std::map<std::string, torch::Tensor> state() const;

 private:
  /// The first of a domain. Throws Error if there is none.
  const DiscriminatorTerm& first_discriminator(size_t domain) const;

  std::vector<std::unique_ptr<GuidanceTerm>> terms_;
  std::vector<std::unique_ptr<GuidanceTerm>> distillation_;  // one of a domain at most
  DiscriminatorGuidance discriminator_;
  std::shared_ptr<Sampler> generator_;
  StudentShape student_;
};

}  // namespace dgl
