#pragma once

#include <string>
#include <vector>

#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

/// The names of the files of kernels, without their extension.
std::vector<std::string> source_names();

/// Returns the file `name` as NVRTC compiles it: definitions of the variant, what all share, and its kernels. Throws
/// InternalError for a name that does not exist.
std::string kernel_source(const std::string& name, const Variant& variant);

}  // namespace dgl::ops::gpu
