#include "dgl/cli/eval_translations.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/model_file.h"
#include "dgl/training/translations.h"

namespace dgl {

namespace {

/// Real images by domain, and those that are translated.
struct OpenSets {
  std::vector<std::unique_ptr<Dataset>> real, inputs;
};

OpenSets open_sets(const EvalSets& sets, const SampleSpec& spec, const std::string& file) {
  OpenSets open;
  for (const auto& [data, inputs] : {std::array{sets.data, sets.inputs}, std::array{sets.data_b, sets.inputs_b}}) {
    open.real.push_back(std::make_unique<Dataset>(data));
    open.inputs.push_back(std::make_unique<Dataset>(inputs.empty() ? data : inputs));
    check_shape(*open.real.back(), spec.output, file, "makes");
    check_shape(*open.inputs.back(), *spec.input, file, "takes");
  }
  return open;
}

}  // namespace

void check_shape(const Dataset& set, const ImageShape& expected, const std::string& model, const char* does) {
  const DatasetInfo& info = set.info();
  if (ImageShape{info.channels, info.resolution, info.resolution} == expected) return;
  fail("{}: images of {} x {} x {}, but {} {} {} x {} x {}", set.path().string(), info.channels, info.resolution,
       info.resolution, model, does, expected.channels, expected.height, expected.width);
}

nlohmann::json eval_translations(const EvalSets& sets, const NetworkSet& model, const std::string& file,
                                 FeatureNetwork& features, MeasureOptions& options) {
  const Family& family = family_of(model, file);
  const auto translators = translators_of(model, file);
  if (translators.empty()) fail("--data-b: {}: a {} translates no images; expected a cyclegan", file, family.name());
  const OpenSets open = open_sets(sets, translators[0].there->spec(), file);
  TranslationSets measured{.partners = sets.partners, .images = options.samples.count};
  for (const auto& inputs : open.inputs) measured.domains.push_back(inputs.get());
  if (sets.partners) check_partners(measured.domains, "--partners");
  const torch::Device device = options.samples.device;
  std::shared_ptr<FeatureNetwork> styles;
  if (!sets.styles.empty()) {
    styles = load_style_classifier(sets.styles, family, "--styles");
    styles->to(device);
  }
  nlohmann::json all = {{"real", open.real[0]->info().count}};
  const std::string distance = features.distance_name();
  double sum = 0;
  for (const auto& [direction, there, back] : translators) {
    const Dataset& inputs = *open.inputs.at(direction.from);
    MeasureOptions own = options;
    own.samples.count = std::min(options.samples.count, inputs.info().count);
    own.samples.inputs = inputs.images(evenly_spaced(inputs.info().count, own.samples.count));
    const nlohmann::json found = measure(*there, *open.real.at(direction.to), features, own);
    for (const auto& [key, value] : found.items()) {
      if (value.is_number()) all[key + "_" + direction.name] = value;
    }
    if (found.contains(distance)) sum += found[distance].get<double>();
  }
  if ((!options.metrics || options.metrics->fid) && translators.size() == family.directions().size()) {
    all[distance] = sum / static_cast<double>(translators.size());
  }
  all.update(translation_measures(translators, family, measured, &features, styles.get(), device));
  options.samples.count = std::min(options.samples.count, open.inputs[0]->info().count);
  return all;
}

}  // namespace dgl
