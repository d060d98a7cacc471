#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/nn/network_set.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// A graph that a page runs, as the bytes of an ONNX file.
struct DemoGraph {
  std::string name;
  std::string onnx;
};

/// A model as a page runs it.
struct DemoModel {
  /// What the page's scripts need to know, without weights:
  /// - `family`, and `shown`, what the model is called there
  /// - `draw`, null for a model that draws nothing: `latents` (sizes of one image's), `classes`, `image` ([C, H, W]),
  ///   `truncation` ("", "latents" or "styles"), `params` and `macs` of an image, and for a model with styles `sides`
  ///   of StyleSampler and the `mean` of its styles. The graph is `images`, or `styles` and then `styled_images`.
  /// - `maps`, what it does with images: `graph`, `title`, `domain` (of the images that it takes), `image`, `multiple`
  ///   and `smallest` (Sampler::input_multiple; 0 for a graph of one size), `params` and `macs`
  nlohmann::json facts;
  std::vector<DemoGraph> graphs;
};

/// What a model can do on a page: drawing from latents by its own sampler, or the prior's of one that takes images;
/// and its translations or reconstructions. `solver` applies to drawing. Throws Error, which names `origin`, for a
/// model that does nothing of this, a solver of too many steps, and images that are neither gray nor RGB.
DemoModel demo_model(const NetworkSet& model, const SolverChoice& solver, const std::string& origin);

}  // namespace dgl
