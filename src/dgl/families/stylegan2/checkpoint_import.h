#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

/// rosinality/stylegan2-pytorch: {"g", "g_ema", "d", "latent_avg"} of state dicts, or one state dict. A checkpoint
/// without a mean latent gets that of 4096 latents of a fixed seed. Export is the inverse of import, to the bit.
std::shared_ptr<const CheckpointFormat> stylegan2_pytorch_format();

/// NVlabs/stylegan2-ada-pytorch: {"G", "G_ema", "D"} of state dicts, or one state dict.
std::shared_ptr<const CheckpointFormat> stylegan2_ada_pytorch_format();

}  // namespace dgl
