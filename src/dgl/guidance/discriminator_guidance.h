#pragma once

namespace dgl {

/// What the student's own discriminator learns from the first teacher in a guided stage, beside what teachers tell its
/// generator; from the variants in the DGL-GAN authors' code. Nothing by default. D_s, D_t: the student's and the
/// teacher's discriminator, G_t: the teacher's generator.
struct DiscriminatorGuidance {
  /// Probability that a batch of real images is one of G_t's instead.
  double teacher_data = 0;
  /// c of the duality gap: D_s also minimizes c * loss_fake(D_s(G_t(z))).
  double duality_gap = 0;
  /// D_s's loss of real images x weighted by sigmoid(D_t(x)), of fakes by 1 - sigmoid(D_t(G(z))).
  bool smooth_labels = false;
  /// c of an alignment of scores: D_s also minimizes c * mean (D_s(x) - D_t(x))^2 over real and generated images. It is
  /// not the authors'.
  double align = 0;
  /// c of the authors' alignment of scores: c * mean cross-entropy of sigmoid(D_s(x)) to the probability
  /// sigmoid(D_t(x)), over real and generated images.
  double align_probability = 0;
  /// c of their alignment of features: c * mean |phi_s - phi_t| over the outputs of the last three blocks, three
  /// resolutions, of real and generated images. Both discriminators have as many channels there.
  double align_features = 0;
  /// c of the prior: D_s(x) + c * D_t(x) takes the place of D_s(x) in all losses of the student's generator and
  /// discriminator. At the optimum it is the sum that tells real images from the student's, for any c, so that D_s
  /// learns what D_t does not know; lambda times a frozen score, in contrast, moves the optimum.
  double logit_prior = 0;

  bool any() const {
    return teacher_data > 0 || duality_gap > 0 || smooth_labels || aligns() || align_features > 0 || logit_prior > 0;
  }
  /// Whether scores are aligned.
  bool aligns() const { return align > 0 || align_probability > 0; }
  /// Whether images of G_t are needed.
  bool wants_images() const { return teacher_data > 0 || duality_gap > 0; }
};

}  // namespace dgl
