#include "dgl/guidance/pair_judge_term.h"

#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/frozen_teacher.h"

namespace dgl {

using torch::Tensor;

PairJudgeTerm::PairJudgeTerm(PairJudge judge, const ImageShape& image) : judge_(std::move(judge)) {
  const Discriminator& d = *judge_.discriminator;
  if (d.channels() != 2 * image.channels || d.resolution() != image.height) {
    fail("{}: the teacher's discriminator of pairs takes images of {} channels and {} pixels, expected {} and {}",
         judge_.name, d.channels(), d.resolution(), 2 * image.channels, image.height);
  }
  freeze_teacher(*judge_.discriminator);
}

GuidanceResult PairJudgeTerm::evaluate(const GuidanceInput& input) const {
  if (!input.original) fail("{}: images of this family stand for no others (guidance.pair_judge)", judge_.name);
  const Tensor scores = judge_.discriminator->forward(at::cat({input.original(), input.paired()}, 1), {});
  GuidanceResult result;
  result.loss = judge_.weight * judge_.loss->generator(scores).mean();
  result.losses["g_pair_judge"] = result.loss.detach();
  return result;
}

}  // namespace dgl
