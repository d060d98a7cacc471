#pragma once

#include <memory>

#include "dgl/families/diffusion/ddpm_denoiser.h"
#include "dgl/families/diffusion/song_denoiser.h"
#include "dgl/nn/network.h"

namespace dgl::test {

/// A network with the weights of `source`, a DdpmDenoiser or SongDenoiser, and other settings that no tensor depends
/// on.
template <class D>
std::shared_ptr<D> with_settings(const D& source, Precondition precondition, const Solver& solver) {
  auto shape = source.shape();
  shape.precondition = precondition;
  shape.solver = solver;
  auto made = std::make_shared<D>(shape);
  copy_weights(source, *made);
  return made;
}

}  // namespace dgl::test
