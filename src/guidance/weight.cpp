#include "guidance/weight.h"

#include "base/error.h"
#include "guidance/choice.h"
#include "guidance/confidence_weight.h"
#include "guidance/gradient_weight.h"
#include "guidance/score_weight.h"
#include "guidance/uniform_weight.h"

namespace dgl {

std::shared_ptr<Weight> make_weight(const std::string& text, const std::string& key) {
  const Choice choice = parse_choice(text);
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
