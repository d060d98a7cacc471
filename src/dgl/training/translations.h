#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/features.h"

namespace dgl {

/// Real images by which translations are measured.
struct TranslationSets {
  std::vector<const Dataset*> domains{};  ///< one set for each of Family::domains()
  bool partners = false;  ///< whether image i of one set is the right translation of image i of every other one
  int64_t images = 0;     ///< at most so many of each set, evenly spaced
};

/// Throws Error, which names `key`, for sets of partners that differ in their number of images.
void check_partners(const std::vector<const Dataset*>& domains, const std::string& key);

/// Reads a classifier that tells domains apart: its labels are Family::domains(), in their order. Throws Error, which
/// names `key`, for a network that tells another number of labels.
std::shared_ptr<FeatureNetwork> load_style_classifier(const std::string& file, const Family& family,
                                                      const std::string& key);

/// What measure_translations() finds of all directions of a model, on the device that the model is on: cycle_psnr and
/// cycle_l1 with the name of the domain that a cycle begins in behind them ("cycle_psnr_a"), the others with that of
/// the direction ("paired_psnr_a_to_b"). A figure that cannot be taken is left out. `features` and `styles` may be
/// null.
nlohmann::json translation_measures(const std::vector<Translator>& model, const Family& family,
                                    const TranslationSets& sets, FeatureNetwork* features, FeatureNetwork* styles,
                                    torch::Device device);

/// Rows of a grid of images [n, C, H, W], uint8 or float32 in -1 … 1, of the domain that a translator begins in, each
/// of n: the images, their translations, what comes back of these, and what the way back makes of the images themselves
/// (the identity of arXiv 1703.10593, section 5.2). The latter two are left out if the model has no way back. Returns
/// [rows * n, C, H, W] uint8 on the CPU.
torch::Tensor translation_rows(const Translator& translator, const torch::Tensor& images, torch::Device device);
/// What each of those rows is: "a", "a to b", "back to a", "identity of a".
std::vector<std::string> translation_row_names(const Translator& translator, const Family& family);

}  // namespace dgl
