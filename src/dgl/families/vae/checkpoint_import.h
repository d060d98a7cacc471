#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

// The resolution is in none of these files' tensors (imported_vae_resolution()). Models are exported with their
// averages where they have them, and a model of one network gives a file of that network.

/// Side of the images of an imported autoencoder: ImportOptions::resolution, or 256, that of the published ones.
int64_t imported_vae_resolution(const ImportOptions& options, const StateDict& dict);

/// Checkpoints of CompVis/latent-diffusion: those of an autoencoder's training, which hold its patch discriminator
/// under "loss.discriminator.", and those of diffusion models that keep their autoencoder under "first_stage_model.",
/// as Stable Diffusion's.
std::shared_ptr<const CheckpointFormat> latent_diffusion_format();

/// Weights of AutoencoderKL of huggingface/diffusers. Its older files, which name the matrices of attention
/// "query", "key", "value" and "proj_attn", are read too.
std::shared_ptr<const CheckpointFormat> diffusers_kl_format();

/// Weights of madebyollin/taesd: a file each of encoder and decoder, or both as the state dict of its class TAESD. An
/// exported model of one network is such a file by itself. Variants with global pooling, as FLUX.2's, are refused.
std::shared_ptr<const CheckpointFormat> taesd_format();

/// Weights of AutoencoderTiny of huggingface/diffusers, which is TAESD in one file.
std::shared_ptr<const CheckpointFormat> diffusers_tiny_format();

}  // namespace dgl
