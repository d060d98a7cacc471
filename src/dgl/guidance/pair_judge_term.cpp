#include "dgl/guidance/pair_judge_term.h"

#include <cstdint>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/guidance/frozen_teacher.h"

namespace dgl {

using torch::Tensor;

Tensor pair_scores(Discriminator& judge, const Tensor& originals, const Tensor& copies, int64_t chunks) {
  return judge.forward(at::cat({originals, copies}, 1), {}, chunks);
}

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
  const Tensor scores = pair_scores(*judge_.discriminator, input.original(), input.paired());
  GuidanceResult result;
  result.loss = judge_.weight * judge_.loss->generator(scores).mean();
  result.losses["g_pair_judge"] = result.loss.detach();
  return result;
}

}  // namespace dgl
