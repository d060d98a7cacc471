#pragma once

// What the project uses of libtorch everywhere: tensors, autograd, modules, devices. All of torch/torch.h costs every
// file 15 s more to compile, precompiled or not, since its templates are instantiated again in each; a file that needs
// a layer or an optimizer of libtorch's includes that one's header.

// Before all others, since clang wants the type complete when the others use vectors of it.
#include <ATen/core/ivalue.h>

#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>
