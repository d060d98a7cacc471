#include "dgl/guidance/weight.h"

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"
#include "dgl/guidance/confidence_weight.h"
#include "dgl/guidance/gradient_weight.h"
#include "dgl/guidance/score_weight.h"
#include "dgl/guidance/uniform_weight.h"

namespace dgl {

std::shared_ptr<Weight> make_weight(const std::string& text, const std::string& key) {
  const NamedOption choice = parse_named_option(text);
  const auto decay = [&] { return choice.number(0, 0.99, 0, 0.999999, key); };
  if (choice.name == "uniform") {
    choice.expect_at_most(0, key);
    return std::make_shared<UniformWeight>();
  }
  if (choice.name == "score") {
    choice.expect_at_most(0, key);
    return std::make_shared<ScoreWeight>();
  }
  if (choice.name == "gradient") {
    choice.expect_at_most(2, key);
    return std::make_shared<GradientWeight>(decay(), choice.number(1, 100, 1e-6, 1e6, key));
  }
  if (choice.name == "confidence") {
    choice.expect_at_most(1, key);
    return std::make_shared<ConfidenceWeight>(decay());
  }
  fail("{} = \"{}\": expected uniform, score, gradient or confidence", key, text);
}

}  // namespace dgl
