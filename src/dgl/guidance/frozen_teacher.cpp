#include "dgl/guidance/frozen_teacher.h"

#include "dgl/guidance/fit_images.h"

namespace dgl {

void freeze_teacher(Discriminator& teacher) {
  set_requires_grad(teacher, false);
  teacher.eval();
}

Judgement judge_as_teacher(Discriminator& teacher, const torch::Tensor& images, const torch::Tensor& labels,
                           int64_t chunks, bool features) {
  const torch::Tensor fitted = fit_images(images, teacher.channels(), teacher.resolution());
  return teacher.judge(fitted, teacher.classes() > 0 ? labels : torch::Tensor(), chunks, features);
}

}  // namespace dgl
