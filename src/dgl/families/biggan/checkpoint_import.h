#pragma once

#include <memory>

#include "dgl/families/checkpoint_format.h"

namespace dgl {

/// ajbrock/BigGAN-PyTorch: one state dict a file; its tensors have the names of our model files. The average is in the
/// file whose name starts with G_ema.
std::shared_ptr<const CheckpointFormat> biggan_pytorch_format();

}  // namespace dgl
