#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

/// Checkpoints of pesser/pytorch_diffusion and ermongroup/ddim: state dicts of the U-Net, or the list that ddim's
/// training writes, of the state dict, the optimizer's, epoch, step and average. They predict noise, by DDIM's uniform
/// times in 50 steps unless a sampler is chosen. The resolution is not in the tensors: ImportOptions::resolution, else
/// that of the published models of as many levels, 32 for 4 (CIFAR-10), 64 for 5 (CelebA) and 256 for 6 (LSUN).
std::shared_ptr<const CheckpointFormat> ddpm_format();

/// The same networks as UNet2DModel of huggingface/diffusers, as its conversion of DDPM's checkpoints writes them
/// (safetensors or .bin): one attention head, sines in front of cosines, asymmetric downsampling, epsilon 1e-6. What
/// its config.json says otherwise is not in the tensors and not known here.
std::shared_ptr<const CheckpointFormat> diffusers_format();

/// Networks of NVlabs/edm: a SongUNet in an EDMPrecond. They lie in the pickles that its training writes (`ema` becomes
/// the average; what it was made with is read, its source is not run), in the network of its training state (`net`), or
/// in a state dict with or without "model." in front of its names. Shape, labels and filters are in the tensors; that
/// the network is preconditioned as EDMPrecond does it with sigma_data = 0.5 is in pickles alone and else is taken to
/// be so. Images are drawn as generate.py draws them, by 18 steps of second order, unless a sampler is chosen.
/// `map_augment`, which acts on labels of augmentations in training, is left out.
std::shared_ptr<const CheckpointFormat> edm_format();

}  // namespace dgl
