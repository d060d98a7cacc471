
#include "dgl/base/torch.h"
#include "dgl/training/session.h"
#include "training/cyclegan_session.h"

namespace dgl::test {
namespace {

/// Students of the small CycleGAN.
class CycleGanStudentTest : public CycleGanSessionTest {};

// Minibatch statistics of a judge need whole groups in a shard; discriminators of patches do not.
TEST_F(CycleGanStudentTest, ShardsHoldWholeGroupsOfAJudge) {
  settings().pool = 0;
  recipe_.batch = 8;
  recipe_.shards = 8;
  teach();
  EXPECT_EQ(make_session(recipe_, processes_)->recipe.shards, 8);
  Recipe judge = parse_recipe(
      "[network]\nresolution = 16\nimg_channels = 1\nchannel_base = 64\nchannel_max = 4\nz_dim = 4\nw_dim = 4\n",
      "judge");
  save_model(folder_ / "judge", make_networks(judge, {}, torch::kCPU));
  recipe_.teacher().file = (folder_ / "judge").string();
  recipe_.init = recipe_.discriminator_init = "random";
  EXPECT_EQ(make_session(recipe_, processes_)->recipe.shards, 2);
}

}  // namespace
}  // namespace dgl::test
