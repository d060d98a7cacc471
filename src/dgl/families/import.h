#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "dgl/nn/model.h"

namespace dgl {

struct ImportOptions {
  std::string from;                 ///< a format's name that the files must speak; empty: detected
  int64_t minibatch_std_group = 4;  ///< of a discriminator, which its tensors do not tell
};

/// Reads networks that another implementation trained, from one file or several (generator and discriminator apart),
/// PyTorch checkpoints or safetensors. Every width, depth and the resolution are read from the tensors' shapes. Known:
///
///     stylegan2-pytorch       rosinality's {"g", "g_ema", "d", "latent_avg"} of state dicts, or one state dict
///     stylegan2-ada-pytorch   NVlabs' {"G", "G_ema", "D"} of state dicts, or one state dict
///     biggan-pytorch          ajbrock's state dicts, one a file; the average is in the file whose name starts with
///     G_ema
///
/// A checkpoint without a mean latent gets that of 4096 latents of a fixed seed. Numbers become float32. Error in one
/// line for files of another architecture: which tensors are missing and which are unknown, the first few of each; and
/// for networks that do not belong together.
Model import_model(const std::vector<std::filesystem::path>& files, const ImportOptions& options = {});

/// A model's StyleGAN2 networks as rosinality's code names and shapes them: "g.", "g_ema.", "d." and a state dict's
/// names, with the filters that it stores, and "latent_avg". The inverse of import_model, to the bit. Error (naming
/// `origin`) for a network that its code cannot express: labels, blocks that are not residual.
TensorFile export_rosinality(const Model& model, const std::string& origin);

}  // namespace dgl
