#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

/// Checkpoints of CompVis/latent-diffusion: those of an autoencoder's training, which hold its patch discriminator
/// under "loss.discriminator.", and those of diffusion models that keep their autoencoder under "first_stage_model.",
/// as Stable Diffusion's. The resolution is not in the tensors (ImportOptions::resolution; 256 otherwise).
std::shared_ptr<const CheckpointFormat> latent_diffusion_format();

}  // namespace dgl
