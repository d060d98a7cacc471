#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "dgl/data/dataset.h"
#include "dgl/metrics/measure.h"
#include "dgl/nn/network_set.h"

namespace dgl {

/// The packed sets that `dgl eval` measures by.
struct EvalSets {
  std::string data, inputs;      ///< real images, and those that a model takes; "" for the former
  std::string data_b, inputs_b;  ///< the same of domain b, where both directions of translations are measured; or ""
  std::string styles;            ///< a classifier that tells the domains apart; or ""
  bool partners = false;         ///< whether images in the same place of both inputs are each other's translations
};

/// Throws Error, which says what `model` `does` ("takes" or "makes"), unless a set's images have that shape.
void check_shape(const Dataset& set, const ImageShape& expected, const std::string& model, const char* does);

/// The figures of all directions of a model: those of measure() with the direction's name behind them, the mean of the
/// distances if it has all directions, and translation_measures(); "real" is the number of images of `data`. Sets
/// `options.samples.count` to the images of it that were translated. Throws Error, which names `file`, for a model that
/// translates no images, or sets that do not fit.
nlohmann::json eval_translations(const EvalSets& sets, const NetworkSet& model, const std::string& file,
                                 FeatureNetwork& features, MeasureOptions& options);

}  // namespace dgl
