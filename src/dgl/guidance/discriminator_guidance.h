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
  /// c of the alignment: D_s also minimizes c * mean (D_s(x) - D_t(x))^2 over real and generated images.
  double align = 0;

  bool any() const { return teacher_data > 0 || duality_gap > 0 || smooth_labels || align > 0; }
  /// Whether images of G_t are needed.
  bool wants_images() const { return teacher_data > 0 || duality_gap > 0; }
};

}  // namespace dgl
