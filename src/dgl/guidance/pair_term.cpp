#include "dgl/guidance/pair_term.h"

#include <map>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/frozen_teacher.h"

namespace dgl {

using torch::Tensor;

namespace {
constexpr const char* kPixel = "pixel";
}

std::vector<std::string> pair_term_distances() {
  auto names = pair_distance_names();
  names.emplace_back(kPixel);
  return names;
}

std::shared_ptr<Weight> make_pair_weight(const std::string& text, const std::string& key) {
  const std::string name = parse_named_option(text).name;
  if (name != "uniform" && name != "gradient" && name != "last_layer") {
    fail("{} = \"{}\": expected uniform, gradient[:DECAY[,BOUND]] or last_layer[:DECAY[,BOUND]]", key, text);
  }
  return make_weight(text, key);
}

PairTerm::PairTerm(PairTeacher teacher)
    : teacher_(std::move(teacher)),
      distance_(make_pair_distance(teacher_.distance == kPixel ? "l1" : teacher_.distance, "guidance.pair_distance")) {
  freeze_teacher(*teacher_.discriminator);
}

FeatureMaps PairTerm::maps(const Tensor& images, const Tensor& labels) const {
  if (teacher_.distance == kPixel) return {images};
  return judge_as_teacher(*teacher_.discriminator, images, labels, /*chunks=*/1, /*features=*/true).features;
}

GuidanceResult PairTerm::evaluate(const GuidanceInput& input) const {
  const double mu = teacher_.mu(input.progress);
  if (mu == 0) return {};
  if (!input.original) fail("{}: images of this family stand for no others (guidance.pair)", teacher_.name);
  FeatureMaps original;
  {
    const torch::NoGradGuard no_grad;
    original = maps(input.original(), input.labels);
  }
  GuidanceResult result;
  const Tensor& copies = input.paired();
  const Tensor distance = distance_(maps(copies, input.labels), original).mean();
  result.loss = mu * distance;
  if (teacher_.weight) {
    const WeightInput balance{copies, {}, distance, input.own_loss, {}, input.last_weight};
    result.loss = teacher_.weight->evaluate(balance, result.statistics) * result.loss;
  }
  result.losses["g_pair"] = result.loss.detach();
  return result;
}

void PairTerm::update_statistics(const Scalars& statistics) {
  if (teacher_.weight) teacher_.weight->update_statistics(statistics);
}

std::map<std::string, Tensor> PairTerm::state() const {
  return teacher_.weight ? teacher_.weight->state() : std::map<std::string, Tensor>();
}

}  // namespace dgl
