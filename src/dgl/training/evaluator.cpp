#include "dgl/training/evaluator.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/metrics/statistics_cache.h"

namespace dgl {

Evaluator::Evaluator(const TrainingSession& session, const std::function<void(const std::string&)>& note)
    : session_(session) {
  if (!session.processes->is_root() || session.recipe.run.features.empty()) return;
  features_ = load_feature_network(session.recipe.run.features);
  features_->to(session.device);
  real_ = cached_statistics(*session.data[session.family().output_domain()], *features_, session.recipe.run.features,
                            session.device, note);
}

double Evaluator::distance(Sampler& sampler, int64_t samples, Stream stream) const {
  DrawOptions options;
  options.count = samples;
  options.seed = session_.seed(stream);
  options.device = session_.device;
  options.label_shares = session_.label_shares;
  if (sampler.spec().input) {
    const Dataset& inputs = *session_.data[session_.family().input_domain()];
    std::vector<int64_t> indices;
    for (int64_t i = 0; i < std::min(samples, inputs.info().count); ++i) indices.push_back(i);
    options.inputs = to_unit_range(inputs.images(indices));
  }
  return frechet_distance(sample_statistics(sampler, *features_, options), real_);
}

}  // namespace dgl
