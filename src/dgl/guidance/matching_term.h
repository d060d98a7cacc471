#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dgl/guidance/guidance_term.h"
#include "dgl/guidance/schedule.h"
#include "dgl/nn/network.h"

namespace dgl {

/// How a teacher's features compare the student's images, as a set, with real ones.
struct MatchingTeacher {
  std::string name{};  ///< for messages: the file it came from
  std::shared_ptr<Discriminator> discriminator{};
  std::string distance = "mmd";  ///< of matching_distance_names()
  Schedule weight{};             ///< of the term
  size_t domain = 0;
};

/// Names of the distances between the sets:
///
///     mmd       squared maximum mean discrepancy of the batches, without bias, with the mean of rational quadratic
///               kernels (1 + |x - y|^2 / (2 a d))^-a, a = 0.2, 0.5, 1, 2, 5 (Binkowski et al. 2018, arXiv 1801.01401,
///               section 3 and appendix), which are bounded however unlike the images are; 0 … 2 in expectation
///     frechet   Frechet distance of Gaussians with running means and covariances
std::vector<std::string> matching_distance_names();

/// Draws the distribution of the student's images to that of real ones, in a frozen discriminator's features:
///
///     weight(progress) * mean over layers of the distance of the sets of feature vectors
///
/// A layer's vector is the mean of its feature maps over the image, less the running mean of real images and over their
/// deviation, to whose square a tenth of the mean over channels is added. A term on the distribution, unlike one on
/// each image, does not favor a few good images over all kinds (NICKEL & DiME, arXiv 2405.11614, section 3.2).
class MatchingTerm : public GuidanceTerm {
 public:
  /// Freezes the teacher.
  explicit MatchingTerm(MatchingTeacher teacher);

  size_t domain() const override { return teacher_.domain; }
  GuidanceResult evaluate(const GuidanceInput& input) const override;
  void update_statistics(const Scalars& statistics) override;
  std::map<std::string, torch::Tensor> state() const override;

 private:
  /// Running moments of one layer's vectors [C]: of real images, and of the student's.
  struct Layer {
    torch::Tensor real_mean, real_square;  ///< [C] and [C, C]: means of x and of x x^T
    torch::Tensor fake_mean, fake_square;
    torch::Tensor steps;  ///< [] number of batches so far
  };
  std::vector<torch::Tensor> vectors(const torch::Tensor& images, const torch::Tensor& labels) const;
  torch::Tensor distance(const Layer& layer, const torch::Tensor& fake, const torch::Tensor& real) const;

  MatchingTeacher teacher_;
  std::vector<Layer> layers_;
};

}  // namespace dgl
