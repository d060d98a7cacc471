#include "dgl/guidance/weight.h"

#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"
#include "dgl/guidance/below_real_weight.h"
#include "dgl/guidance/confidence_weight.h"
#include "dgl/guidance/gradient_weight.h"
#include "dgl/guidance/score_weight.h"

namespace dgl {

namespace {

using WeightFactory = std::shared_ptr<Weight> (*)(const NamedOption& option, const std::string& key);

template <GradientWeight::On on>
std::shared_ptr<Weight> make_gradient_weight(const NamedOption& option, const std::string& key) {
  const double decay = option.number(0, 0.99, 0, 0.999999, key), bound = option.number(1, 100, 1e-6, 1e6, key);
  return std::make_shared<GradientWeight>(on, decay, bound);
}

double decay_of(const NamedOption& option, const std::string& key) { return option.number(0, 0.99, 0, 0.999999, key); }

constexpr struct {
  const char* name;
  size_t max_arguments;
  WeightFactory make;
} kWeights[] = {
    {"uniform", 0, [](const NamedOption&, const std::string&) -> std::shared_ptr<Weight> { return nullptr; }},
    {"score", 0,
     [](const NamedOption&, const std::string&) -> std::shared_ptr<Weight> { return std::make_shared<ScoreWeight>(); }},
    {"gradient", 2, make_gradient_weight<GradientWeight::On::image>},
    {"last_layer", 2, make_gradient_weight<GradientWeight::On::last_layer>},
    {"below_real", 1,
     [](const NamedOption& option, const std::string& key) -> std::shared_ptr<Weight> {
       return std::make_shared<BelowRealWeight>(decay_of(option, key));
     }},
    {"confidence", 1,
     [](const NamedOption& option, const std::string& key) -> std::shared_ptr<Weight> {
       return std::make_shared<ConfidenceWeight>(decay_of(option, key));
     }},
};

}  // namespace

std::shared_ptr<Weight> make_weight(const std::string& text, const std::string& key) {
  const NamedOption option = parse_named_option(text);
  std::vector<std::string> names;
  for (const auto& weight : kWeights) {
    if (option.name != weight.name) {
      names.emplace_back(weight.name);
      continue;
    }
    option.expect_at_most(weight.max_arguments, key);
    return weight.make(option, key);
  }
  fail("{} = \"{}\": expected one of {}", key, text, fmt::join(names, ", "));
}

}  // namespace dgl
