#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dgl/base/process_group.h"
#include "dgl/families/cyclegan/cyclegan.h"
#include "dgl/families/model_file.h"
#include "dgl/training/networks.h"
#include "dgl/training/train.h"
#include "drawn_set.h"

namespace dgl::test {

/// Runs of a small CycleGAN between bars and other bars.
class CycleGanSessionTest : public ::testing::Test {
 protected:
  CycleGanSessionTest() {
    recipe_ = parse_recipe(R"(
family = "cyclegan"
[network]
resolution = 16
img_channels = 1
channels = 4
blocks = 1
[discriminator]
channels = 4
layers = 1
[training]
batch = 2
shards = 1
kimg = 0.032
checkpoint_kimg = 0.008
checkpoint_keep = 100
lr = 0.002
beta1 = 0.5
pool = 3
seed = 3
[student]
width = "1/2"
[guidance]
stage1_kimg = 0.008
stage2_kimg = 0.016
)",
                           "test");
    recipe_.run.command = "train";
    recipe_.run.data = make_bars(folder_, "a", 20, 1, /*labels=*/false).string();
    recipe_.run.data_b = make_bars(folder_, "b", 14, 1, /*labels=*/false).string();
    recipe_.run.device = "cpu";
  }
  CycleGanSettings& settings() { return dynamic_cast<CycleGanSettings&>(*recipe_.network); }
  int start(const std::string& out) const {
    return start_run(recipe_, folder_ / out, /*overwrite=*/true, /*quiet=*/true);
  }
  /// Saves a teacher with random weights and makes the recipe that of its student.
  NetworkSet teach(const std::vector<std::string>& without = {}) {
    torch::manual_seed(1);
    Recipe whole = recipe_;
    whole.width = "1";
    const NetworkSet all = make_networks(whole, {}, torch::kCPU);
    NetworkSet teacher;
    for (const NetworkSlot& slot : all) {
      if (std::find(without.begin(), without.end(), slot.name) == without.end()) teacher.add(slot);
    }
    save_model(folder_ / "teacher", teacher);
    recipe_.run.command = "compress";
    recipe_.teacher().file = (folder_ / "teacher").string();
    return teacher;
  }

  TemporaryFolder folder_;
  Recipe recipe_;
  ProcessGroup processes_;
};

}  // namespace dgl::test
