#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/sampler.h"
#include "dgl/nn/sampling.h"

namespace dgl {

/// Images that a command is about to draw: everything about them that is known before.
struct Drawing {
  int64_t count = 0;                      ///< number of images
  torch::Tensor labels{};                 ///< [count]; undefined if the model has none, or none of its own
  int64_t columns = 0;                    ///< of a grid of them; 0: about as many as rows
  std::vector<int64_t> cells{};           ///< the images of a grid's cells; empty: all in order
  bool is_grid = false;                   ///< whether they belong together as one grid alone
  std::function<torch::Tensor()> draw{};  ///< draws them: [count, C, H, W] on the CPU
};

/// A model that images are drawn from, and how.
struct DrawnModel {
  Sampler& sampler;
  std::string file;     ///< its name, for messages
  int64_t label = -1;   ///< the label of all images; -1: each seed's own
  DrawOptions options;  ///< batch, psi and device
};

/// The first image of each seed, as the seed alone gives it: drawn one at a time unless the options name a batch, since
/// sums may differ in their last bits with the number of images. Throws Error for a model without latents.
Drawing draw_seeds(const DrawnModel& model, const std::vector<int64_t>& seeds);

/// A film through the first images of seeds: `frames` images from each seed to the next, its own first, and the last
/// seed's image at the end; if the last seed is the first one, the film closes and that image is left out. A model with
/// styles is led along straight lines between its w, others along arcs between their latents (slerp()). A grid of the
/// film has a row for each two seeds, from the one to the other. Throws Error for fewer than two seeds, for a model
/// without latents, and for one of labels but without styles if no label is given.
Drawing draw_film(const DrawnModel& model, const std::vector<int64_t>& seeds, int64_t frames);

/// What --mix says: ROWS:COLUMNS or ROWS:COLUMNS@LAYERS.
struct MixRequest {
  std::vector<int64_t> rows, columns;  ///< seeds
  std::vector<int64_t> layers;         ///< style inputs that the columns give; empty: the usual ones
};
/// Throws Error for other text.
MixRequest parse_mix(const std::string& text);

/// Style mixing as stylegan2-ada's style_mixing.py draws it (Karras et al. 2019, arXiv 1812.04948, section 3.1): a grid
/// whose first column shows the images of the row seeds and whose first row those of the column seeds; every other
/// image has the styles of its row, but those of its column in the mixed layers. Without any in the request, these are
/// 0 to 6, as there, and at most the first half. The corner is black. Throws Error for a model without styles and for
/// layers that it does not have.
Drawing draw_mix(const DrawnModel& model, const MixRequest& request);

/// The images of styles in a safetensors file: a tensor w [N, w_dim], or [N, num_ws, w_dim] for each layer apart. psi
/// does not apply. Throws Error for a model without styles or a tensor of another shape.
Drawing draw_styles_of(const DrawnModel& model, const std::string& file);

}  // namespace dgl
