#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/objective.h"
#include "dgl/families/own_discriminator.h"
#include "dgl/families/vae/vae.h"
#include "dgl/losses/adversarial.h"
#include "dgl/losses/lpips.h"

namespace dgl {

/// The objective of latent diffusion's autoencoder (arXiv 2112.10752, section 3.1 and appendix G; ldm's
/// LPIPSWithDiscriminator with its logarithm of variance at 0, as it stays there):
///
///     sum over an image's elements of |x - x'| (or its square) + kl_weight * KL(q(z | x) || N(0, 1))
///
/// meaned over the batch, with x' the decoding of a sample of q. Guidance judges x', which stands for x. With
/// training.perceptual, perceptual_weight * LPIPS(x, x') is added to every element's error.
///
/// With guidance.latents, whose setting is that of TAESD's (Bollin 2023, github.com/madebyollin/taesd), the student's
/// encoder learns the moments of its teacher's, scaled, by the mean squared difference of means and, if both have
/// variances, of their logarithms, in place of the divergence, and x' is the decoding of a sample of the teacher's q.
///
/// With a discriminator of one's own (families/own_discriminator.h), x' is to deceive it too.
class VaeObjective : public Objective {
 public:
  VaeObjective(const VaeFamilySettings& settings, std::shared_ptr<VaeEncoder> encoder,
               std::shared_ptr<VaeDecoder> decoder, std::shared_ptr<Discriminator> discriminator);

  /// With guidance.latents, the teacher has to be an autoencoder with latents of the student's shape.
  void check_teacher(const Sampler* teacher, const std::string& file) const override;
  std::vector<Phase> phases() override;
  Originals originals() const override { return Originals::data; }
  int64_t max_shards(int64_t batch) const override;

 private:
  /// What a decoder is trained on.
  struct Encoded {
    torch::Tensor latents;  ///< [N, embed_dim, h, w], drawn
    torch::Tensor loss;     ///< scalar: what the encoder minimizes beside the error of reconstructions
  };
  Encoded encode(const StepInput& input, StepOutput& output) const;
  /// The error of reconstructions, summed over an image's elements and meaned over the batch.
  torch::Tensor error_of(const torch::Tensor& reconstructions, const torch::Tensor& images, StepOutput& output) const;
  torch::Tensor autoencoder_loss(const StepInput& input, StepOutput& output);

  const VaeFamilySettings settings_;
  std::shared_ptr<VaeEncoder> encoder_;
  std::shared_ptr<VaeDecoder> decoder_;
  const OwnDiscriminator discriminator_;
  std::optional<Lpips> perceptual_;
};

}  // namespace dgl
