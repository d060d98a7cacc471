#pragma once

#include <memory>

#include "dgl/families/diffusion/networks.h"
#include "dgl/nn/network.h"

namespace dgl::test {

/// A network with the weights of `source` and other settings that no tensor depends on.
inline std::shared_ptr<Denoiser> with_settings(const Denoiser& source, Precondition precondition,
                                               const Solver& solver) {
  DenoiserShape shape = source.shape();
  shape.precondition = precondition;
  shape.solver = solver;
  auto made = std::make_shared<Denoiser>(shape);
  copy_weights(source, *made);
  return made;
}

}  // namespace dgl::test
