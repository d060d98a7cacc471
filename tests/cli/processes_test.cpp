#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/teacher_of_squares.h"
#include "free_port.h"

namespace dgl::test {
namespace {

/// Runs of two processes, as torchrun starts them.
class TwoProcesses : public WithTeacherOfSquares<TwoProcesses> {
 public:
  static constexpr const char* kTables = R"(
[training]
batch = 8
kimg = 0.08
checkpoint_kimg = 0.04
r1_interval = 4
[guidance]
lambda = 0.3
stage1_kimg = 0.08
stage2_kimg = 0.16
[evaluation]
features = "features.safetensors"
samples = 32
final_samples = 32
)";

 protected:
  static std::pair<pid_t, pid_t> start(const Words& words) {
    const std::string port = std::to_string(free_port());
    const auto one = [&](const std::string& rank) {
      return Program(*folder_).start(
          words, {"RANK=" + rank, "LOCAL_RANK=" + rank, "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port},
          rank);
    };
    const pid_t first = one("0");
    return {first, one("1")};
  }
  static std::pair<Outcome, Outcome> wait(const std::pair<pid_t, pid_t>& both) {
    const Program dgl(*folder_);
    return {dgl.wait(both.first, "0"), dgl.wait(both.second, "1")};
  }
  static void expect_done(const Words& words) {
    const auto [first, second] = wait(start(words));
    EXPECT_EQ(first.status, 0) << first.err;
    EXPECT_EQ(second.status, 0) << second.err;
    EXPECT_EQ(second.err + second.out, "");
  }
  static std::string model(const std::string& out) { return read_file(*folder_ / out / "model.safetensors"); }
};

TEST_F(TwoProcesses, TrainToTheBitsOfTwoShards) {
  const Outcome outcome = Program(*folder_)(compress("shards", {"--set", "training.shards=2"}));
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  expect_done(compress("processes"));
  EXPECT_TRUE(model("processes") == model("shards"));
  const auto summary = nlohmann::json::parse(read_file(*folder_ / "processes/summary.json"));
  EXPECT_EQ(summary["processes"], 2);

  // In parts, one after the other, as well; with all that keeps a state.
  const Words more{"--set",    "training.accumulations=2",
                   "--set",    "network.minibatch_std_group=2",
                   "--set",    "guidance.train_teacher=true",
                   "--weight", "gradient",
                   "--set",    "training.augment=color,translation",
                   "--set",    "training.ada_target=0.1",
                   "--set",    "training.mirror=true"};
  Words shards = more;
  shards.insert(shards.end(), {"--set", "training.shards=2"});
  const Outcome parts = Program(*folder_)(compress("parts_of_shards", shards));
  ASSERT_EQ(parts.status, 0) << parts.err;
  expect_done(compress("parts", more));
  EXPECT_TRUE(model("parts") == model("parts_of_shards"));
}

// The same for families whose students a discriminator of another family judges.
TEST_F(TwoProcesses, StudentsOfOtherFamiliesTrainToTheSameBits) {
  const std::string network =
      "[network]\nresolution = 32\nimg_channels = 1\nchannels = 8\nmultiples = '1,2'\nblocks = 1\n";
  const std::string training =
      "[training]\nbatch = 8\ncheckpoint_kimg = 0.04\n[evaluation]\nsamples = 8\nfinal_samples = 8\n"
      "[guidance]\nstage1_kimg = 0.04\nstage2_kimg = 0.08\n";
  const std::pair<const char*, std::string> recipes[] = {
      {"vae", "family = 'vae'\n" + network + "z_channels = 2\n" + training + "lambda = 0.1\n"},
      {"diffusion", "family = 'diffusion'\n" + network + "attention = ''\nsampler = 'renoise'\nsteps = 2\n" + training +
                        "lambda = 0.1\nweight = 'last_layer'\n"}};
  for (const auto& [name, recipe] : recipes) {
    const std::string file = std::string(name) + ".toml", one = std::string(name) + "-1",
                      two = std::string(name) + "-2";
    folder_->put(file, recipe);
    const auto words = [&](const std::string& out) {
      return Words{"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--recipe",
                   file,       "--set",     "training.shards=2",         "--out",  out};
    };
    const Outcome outcome = Program(*folder_)(words(one));
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    expect_done(words(two));
    EXPECT_TRUE(model(one) == model(two)) << name;
  }
}

TEST_F(TwoProcesses, AnInterruptOfOneEndsBothAndTheyResumeToTheSameBits) {
  const Words longer{"--stage1-kimg", "0.2", "--stage2-kimg", "0.4"};
  expect_done(compress("whole", longer));
  const auto both = start(compress("cut", longer));
  const auto logged = [&] {
    return fs::exists(*folder_ / "cut/log.jsonl") ? fs::file_size(*folder_ / "cut/log.jsonl") : 0;
  };
  const auto half = fs::file_size(*folder_ / "whole/log.jsonl") / 2;
  for (int i = 0; i < 30000 && logged() < half; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::kill(both.second, SIGTERM);
  const auto [first, second] = wait(both);
  EXPECT_EQ(first.status, 143) << first.err;
  EXPECT_EQ(second.status, 143) << second.err;
  fs::copy(*folder_ / "cut", *folder_ / "alone", fs::copy_options::recursive);
  expect_done({"resume", "cut"});
  EXPECT_TRUE(model("cut") == model("whole"));

  // One process takes all shards of the run.
  const Outcome alone = Program(*folder_)({"resume", "alone"});
  EXPECT_EQ(alone.status, 0) << alone.err;
  EXPECT_TRUE(model("alone") == model("whole"));
}

TEST_F(TwoProcesses, OneThatIsKilledEndsTheOther) {
  const auto both = start(compress("killed", {"--stage1-kimg", "1000"}));
  for (int i = 0; i < 30000 && !fs::exists(*folder_ / "killed/checkpoints/000000.safetensors"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(both.second, SIGKILL);
  const Outcome first = wait(both).first;
  EXPECT_EQ(first.status, 1);
  EXPECT_NE(first.err.find("dgl: error: process 0 of 2: another one has ended"), std::string::npos) << first.err;
}

TEST_F(TwoProcesses, ABatchThatCannotBeSharedOutIsRefused) {
  const auto [first, second] = wait(start(compress("odd", {"--set", "training.batch=9"})));
  for (const Outcome& outcome : {first, second}) {
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.err.find("training.batch: 9 images at a time cannot be shared out to 2 processes"),
              std::string::npos)
        << outcome.err;
  }
  EXPECT_FALSE(fs::exists(*folder_ / "odd"));
}

}  // namespace
}  // namespace dgl::test
