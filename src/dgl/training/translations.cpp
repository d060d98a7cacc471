#include "dgl/training/translations.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/metrics/translation.h"
#include "dgl/nn/sampling.h"

namespace dgl {

using torch::Tensor;

namespace {

/// The images of a set that are translated.
Tensor chosen_images(const Dataset& set, int64_t most) {
  return set.images(evenly_spaced(set.info().count, std::min(most, set.info().count)));
}

void put(nlohmann::json& json, const std::string& name, const std::string& suffix, std::optional<double> value) {
  if (value) json[name + "_" + suffix] = *value;
}

}  // namespace

void check_partners(const std::vector<const Dataset*>& domains, const std::string& key) {
  for (const Dataset* set : domains) {
    if (set->info().count == domains[0]->info().count) continue;
    fail("{}: {} has {} images, {} has {}; expected as many, each the partner of that in the same place", key,
         domains[0]->path().string(), domains[0]->info().count, set->path().string(), set->info().count);
  }
}

std::shared_ptr<FeatureNetwork> load_style_classifier(const std::string& file, const Family& family,
                                                      const std::string& key) {
  auto network = load_feature_network(file);
  const auto domains = family.domains();
  if (network->classes() != static_cast<int64_t>(domains.size())) {
    fail("{}: {}: it tells {} labels, expected {}, one for each domain: {}", file, key, network->classes(),
         domains.size(), fmt::join(domains, ", "));
  }
  return network;
}

nlohmann::json translation_measures(const std::vector<Translator>& model, const Family& family,
                                    const TranslationSets& sets, FeatureNetwork* features, FeatureNetwork* styles,
                                    torch::Device device) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [direction, there, back] : model) {
    TranslationInput input{.there = there.get(),
                           .back = back.get(),
                           .images = chosen_images(*sets.domains.at(direction.from), sets.images),
                           .features = features,
                           .styles = styles,
                           .style = static_cast<int64_t>(direction.to),
                           .device = device};
    if (sets.partners) input.partners = chosen_images(*sets.domains.at(direction.to), sets.images);
    const TranslationMeasures found = measure_translations(input);
    const std::string domain = family.domains()[direction.from];
    put(all, "cycle_psnr", domain, found.cycle_psnr);
    put(all, "cycle_l1", domain, found.cycle_l1);
    put(all, "paired_psnr", direction.name, found.paired_psnr);
    put(all, "paired_ssim", direction.name, found.paired_ssim);
    put(all, "partner_top1", direction.name, found.partner_top1);
    put(all, "partner_top5", direction.name, found.partner_top5);
    put(all, "style_accuracy", direction.name, found.style_accuracy);
  }
  return all;
}

Tensor translation_rows(const Translator& translator, const Tensor& images, torch::Device device) {
  const torch::NoGradGuard no_grad;
  DrawOptions options;
  options.device = device;
  const auto by = [&](Sampler& sampler, const Tensor& of) { return sample_images(sampler, {{}, {}, of}, options); };
  const Tensor translated = by(*translator.there, images);
  std::vector<Tensor> rows{images.scalar_type() == torch::kByte ? images : to_bytes(images), to_bytes(translated)};
  if (translator.back) {
    rows.push_back(to_bytes(by(*translator.back, translated)));
    rows.push_back(to_bytes(by(*translator.back, images)));
  }
  return at::cat(rows);
}

std::vector<std::string> translation_row_names(const Translator& translator, const Family& family) {
  const auto domains = family.domains();
  const std::string &from = domains[translator.direction.from], &to = domains[translator.direction.to];
  std::vector<std::string> names{from, from + " to " + to};
  if (translator.back) {
    names.push_back("back to " + from);
    names.push_back("identity of " + from);
  }
  return names;
}

}  // namespace dgl
