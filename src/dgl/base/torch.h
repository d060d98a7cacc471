#pragma once

// The part of libtorch that all files use: tensors, autograd, modules, devices. Including all of torch/torch.h costs
// every file 15 s more to compile, precompiled or not, because each file instantiates its templates again. A file that
// needs a layer or an optimizer of libtorch includes that header directly.

// Comes first, since clang needs the type complete if other headers use vectors of it.
#include <ATen/core/ivalue.h>

#include <torch/autograd.h>
#include <torch/cuda.h>
#include <torch/nn/module.h>
#include <torch/types.h>
#include <torch/utils.h>
