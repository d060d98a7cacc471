#include "dgl/guidance/weight.h"

#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"
#include "dgl/guidance/confidence_weight.h"
#include "dgl/guidance/gradient_weight.h"
#include "dgl/guidance/score_weight.h"

namespace dgl {

namespace {

using WeightFactory = std::shared_ptr<Weight> (*)(const NamedOption& option, const std::string& key);

double decay_of(const NamedOption& option, const std::string& key) { return option.number(0, 0.99, 0, 0.999999, key); }

constexpr struct {
  const char* name;
  size_t max_arguments;
  WeightFactory make;
} kWeights[] = {
    {"uniform", 0, [](const NamedOption&, const std::string&) -> std::shared_ptr<Weight> { return nullptr; }},
    {"score", 0,
     [](const NamedOption&, const std::string&) -> std::shared_ptr<Weight> { return std::make_shared<ScoreWeight>(); }},
    {"gradient", 2,
     [](const NamedOption& option, const std::string& key) -> std::shared_ptr<Weight> {
       return std::make_shared<GradientWeight>(decay_of(option, key), option.number(1, 100, 1e-6, 1e6, key));
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
