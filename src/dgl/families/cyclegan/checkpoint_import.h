#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

// Each of these programs' files is the state dict of one network, and which one only the file's name tells:
// "latest_net_G_A.pth" translates from a to b, "net_G_B" from b to a, "net_D_A" judges domain b and "net_D_B" domain a;
// "net_G" and "net_D" alone are of a program with one direction, from a to b. The resolution is not in the tensors:
// ImportOptions::resolution, or 256, that of the published networks. Statistics that earlier versions of PyTorch stored
// of instance norms are ignored, as these programs do. Networks are exported one by one.

/// Checkpoints of junyanz/pytorch-CycleGAN-and-pix2pix: ResNet generators with instance norms, U-Net generators, and
/// patch discriminators.
std::shared_ptr<const CheckpointFormat> cyclegan_format();

/// Checkpoints of mit-han-lab/gan-compression: the same with a dropout layer in every block, mobile generators, and
/// those whose layers have widths of their own. Its discriminators are named as in pytorch-CycleGAN-and-pix2pix.
std::shared_ptr<const CheckpointFormat> gan_compression_format();

}  // namespace dgl
