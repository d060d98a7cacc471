#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/training/stages.h"
#include "drawn_set.h"

namespace dgl::test {
namespace {

/// A session of `dgl compress` on drawn images, under a teacher with random weights.
class TeacherSessionTest : public ::testing::Test {
 protected:
  TeacherSessionTest() {
    recipe_ = parse_recipe(R"(
[network]
resolution = 16
img_channels = 1
channel_base = 64
channel_max = 6
z_dim = 5
w_dim = 5
mapping_layers = 2
[training]
batch = 4
shards = 1
checkpoint_kimg = 0.008
checkpoint_keep = 100
[guidance]
stage1_kimg = 0.016
stage2_kimg = 0.016
)",
                           "test");
    torch::manual_seed(1);
    teacher_ = make_networks(recipe_, {}, torch::kCPU);
    save_teacher();
    recipe_.run.command = "compress";
    recipe_.run.data = make_bars(folder_, "bars", 40, 1, /*labels=*/false).string();
    recipe_.run.device = "cpu";
    recipe_.teacher().file = (folder_ / "teacher").string();
  }
  void save_teacher() const { save_model(folder_ / "teacher", teacher_); }

  TemporaryFolder folder_;
  Recipe recipe_;
  NetworkSet teacher_;
  ProcessGroup processes_;
  Progress progress_{/*quiet=*/true};
};

TEST_F(TeacherSessionTest, ADivergenceOfTheTeacherLeavesItFrozen) {
  {
    const torch::NoGradGuard no_grad;
    teacher_.discriminator()->named_parameters()["b4.out.weight"].mul_(1e6);
  }
  save_teacher();
  recipe_.guidance.train_teacher = true;
  recipe_.teacher().lambda = 0;
  const auto session = make_session(recipe_, processes_);
  session->state.stage = 2;
  session->state.stages.resize(2);
  expect_error([&] { Trainer(*session).step(session->current_stage()); }, {"teacher_d_main"});
  const auto& discriminator = *session->taught->networks.discriminator();
  EXPECT_FALSE(discriminator.is_training());
  for (const torch::Tensor& parameter : discriminator.parameters()) EXPECT_FALSE(parameter.requires_grad());
}

}  // namespace
}  // namespace dgl::test
