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

/// A network of 8 x 8 gray images, as small as one can be.
inline DenoiserSettings small_denoiser(int64_t classes = 0) {
  DenoiserSettings s;
  s.resolution = 8;
  s.img_channels = 1;
  s.channels = 16;
  s.multiples = {1, 2};
  s.blocks = 1;
  s.attention = {4};
  s.classes = classes;
  s.solver = {"renoise", 2, "karras"};
  return s;
}

inline std::shared_ptr<DdpmDenoiser> made_denoiser(Rational width = {}, int64_t classes = 0) {
  torch::manual_seed(1);
  return std::make_shared<DdpmDenoiser>(DdpmShape::make(small_denoiser(classes), width));
}

}  // namespace dgl::test
