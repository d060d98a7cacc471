#include "dgl/training/phase_recorder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "devices.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/family.h"
#include "dgl/guidance/guidance.h"
#include "dgl/training/bench.h"
#include "dgl/training/networks.h"
#include "dgl/training/run_phase.h"
#include "ops/emulated_gpu.h"
#include "training/family_recipes.h"

namespace dgl::test {
namespace {

/// Does work again by calling it again, on the processor. Buffers that it changes are changed as it is recorded too,
/// which a GPU's are not.
class EmulatedRecorder : public ops::gpu::WorkRecorder {
 public:
  /// `shift` is added to seeds, so that what is launched is not what it should be.
  explicit EmulatedRecorder(uint64_t shift = 0) : shift_(shift) {}

  std::unique_ptr<ops::gpu::RecordedWork> record(const Work& work) override {
    work(make_random(torch::kCPU, 0));
    return std::make_unique<Again>(work, shift_);
  }

 private:
  struct Again : ops::gpu::RecordedWork {
    Again(Work w, uint64_t s) : work(std::move(w)), shift(s) {}
    void launch(uint64_t seed) override { work(make_random(torch::kCPU, seed + shift)); }
    Work work;
    uint64_t shift;
  };
  uint64_t shift_;
};

constexpr char kStyleGan2[] = R"(
[network]
resolution = 8
img_channels = 1
channel_base = 64
channel_max = 8
z_dim = 8
w_dim = 8
mapping_layers = 2
[training]
batch = 4
style_mixing = 0.7
)";

/// Networks with what trains them.
struct Trained {
  Trained(const Recipe& recipe, torch::Device device)
      : networks((torch::manual_seed(1), make_networks(recipe, {}, device))),
        teacher(make_networks(recipe, {}, device)),
        objective(recipe.family_info().objective(*recipe.network, networks)) {}

  void guide(const std::string& schedule) {
    guidance.add({.name = "teacher",
                  .discriminator = teacher.discriminator(),
                  .loss = make_adversarial_loss("hinge", "loss"),
                  .lambda = make_schedule(schedule, 0.1, "test")},
                 {{1, 32, 32}, 3});
  }

  NetworkSet networks, teacher;
  std::unique_ptr<Objective> objective;
  Guidance guidance;
};

class PhaseRecorderTest : public ::testing::TestWithParam<std::string> {
 protected:
  PhaseRecorderTest() : device(GetParam()) { use(family_recipes().at("biggan")); }

  void use(const std::string& text) {
    recipe = parse_recipe(text, "test");
    usual = std::make_unique<Trained>(recipe, device);
    recorded = std::make_unique<Trained>(recipe, device);
    auto launches = device.is_cuda() ? ops::gpu::make_work_recorder(device) : std::make_unique<EmulatedRecorder>();
    recorder = std::make_unique<PhaseRecorder>(std::move(launches));
    seeds.clear();
  }

  /// Runs every phase `times` times with a recorder and in the usual way, and expects the same bits.
  void compare(int times, int64_t micro_batches = 1) {
    for (int i = 0; i < times; ++i) {
      StepInput input = draw();
      input.progress = static_cast<double>(i) / times;
      for (const Phase& phase : recorded->objective->phases()) {
        if (phase.guidance || phase.distillation) continue;
        SCOPED_TRACE(phase.name + " " + std::to_string(i));
        const auto expected = results(*usual, phase.name, input, micro_batches, nullptr),
                   actual = results(*recorded, phase.name, input, micro_batches, recorder.get());
        ASSERT_EQ(actual.size(), expected.size());
        for (const auto& [name, value] : expected) EXPECT_TRUE(torch::equal(actual.at(name), value)) << name;
      }
    }
  }

  /// A batch of its own for each step, with the labels' shares in the same place, as in a run.
  StepInput draw() const {
    StepInput input = random_step_input(recipe, device);
    if (input.label_shares.defined()) input.label_shares = shares;
    return input;
  }

  /// Losses, gradients and buffers after a phase, by name.
  std::map<std::string, torch::Tensor> results(Trained& trained, const std::string& name, StepInput input,
                                               int64_t micro_batches, PhaseRecorder* by) {
    input.guidance = trained.guidance.empty() ? nullptr : &trained.guidance;
    std::map<std::string, torch::Tensor> all;
    for (const Phase& phase : trained.objective->phases()) {
      if (phase.name != name) continue;
      const StepOutput output =
          run_phase(*trained.objective, trained.networks, phase, input, workers, ++seeds[by], micro_batches, {}, by);
      for (const auto& [key, value] : output.losses) all["loss." + key] = value.clone();
    }
    for (const NetworkSlot& slot : trained.networks) {
      for (const auto& item : slot.network->named_parameters()) {
        if (item.value().grad().defined()) all[slot.name + ".grad." + item.key()] = item.value().grad().clone();
      }
      for (const auto& item : slot.network->named_buffers()) all[slot.name + "." + item.key()] = item.value().clone();
    }
    return all;
  }

  const torch::Device device;
  const torch::Tensor shares = torch::full({3}, 1.0 / 3, device);
  Recipe recipe;
  std::unique_ptr<Trained> usual, recorded;
  Workers workers{1};
  std::map<const PhaseRecorder*, uint64_t> seeds;
  std::unique_ptr<PhaseRecorder> recorder;
};
INSTANTIATE_TEST_SUITE_P(Devices, PhaseRecorderTest, ::testing::ValuesIn(devices()), device_of);

// Recordings give what the usual way does: losses, gradients, statistics and spectral vectors.
TEST_P(PhaseRecorderTest, GivesTheUsualResults) {
  usual->guide("constant");
  recorded->guide("constant");
  compare(5);
  EXPECT_EQ(recorder->recorded(), 2U);  // d_main and g_main
}

TEST_P(PhaseRecorderTest, EachMicroBatchIsLaunched) {
  compare(3, /*micro_batches=*/2);
  EXPECT_EQ(recorder->recorded(), 2U);
}

// How styles are mixed is drawn on the processor, for each launch anew.
TEST_P(PhaseRecorderTest, MixesStyles) {
  DGL_SKIP_FIBERS();
  EmulatedGpu gpu;
  std::optional<ops::gpu::EmulationScope> scope;
  if (device.is_cpu()) scope.emplace(gpu);
  use(kStyleGan2);
  compare(4);
  EXPECT_EQ(recorder->recorded(), 4U);
}

// A lambda that changes from step to step is part of what is recorded.
TEST_P(PhaseRecorderTest, RampsAreNotRecorded) {
  usual->guide("linear");
  recorded->guide("linear");
  compare(5);
  EXPECT_EQ(recorder->recorded(), 1U);  // d_main, which it does not concern
}

TEST_P(PhaseRecorderTest, SaysOnceWhatIsNotRecorded) {
  for (Trained* trained : {usual.get(), recorded.get()}) {
    trained->guidance.add({.name = "teacher",
                           .discriminator = trained->teacher.discriminator(),
                           .loss = make_adversarial_loss("hinge", "loss"),
                           .lambda = constant_schedule(0.1),
                           .weight = make_weight("score", "test")},
                          {{1, 32, 32}, 3});
  }
  testing::internal::CaptureStderr();
  compare(4);
  EXPECT_EQ(
      testing::internal::GetCapturedStderr(),
      "dgl: " + device.str() +
          ": the GPU's work for g_main is not recorded: a teacher's term has a weight, or is of another kind than "
          "its scores\n");
  EXPECT_EQ(recorder->recorded(), 1U);
}

TEST_P(PhaseRecorderTest, WhatDiffersIsRefused) {
  if (device.is_cuda()) GTEST_SKIP() << "a GPU does what it is told";
  PhaseRecorder wrong(std::make_unique<EmulatedRecorder>(/*shift=*/1));
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) {
    const StepInput input = draw();
    const auto expected = results(*usual, "d_main", input, 1, nullptr),
               actual = results(*recorded, "d_main", input, 1, &wrong);
    for (const auto& [name, value] : expected) EXPECT_TRUE(torch::equal(actual.at(name), value)) << name;
  }
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("dgl: cpu: the GPU's work for d_main is not recorded: its gradient "), 0U) << said;
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
  EXPECT_EQ(wrong.recorded(), 0U);
}

// Which images a discriminator takes for real is drawn for each step.
TEST_P(PhaseRecorderTest, WaysThatAreDrawnAreRefused) {
  for (Trained* trained : {usual.get(), recorded.get()}) {
    trained->guide("constant");
    DiscriminatorGuidance how;
    how.teacher_data = 0.5;
    trained->guidance.guide_discriminator(
        how, std::dynamic_pointer_cast<Sampler>(trained->teacher.network("generator")), {{1, 32, 32}, 3});
  }
  testing::internal::CaptureStderr();
  compare(4);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said, "dgl: " + device.str() +
                      ": the GPU's work for d_main is not recorded: what it computes depends on numbers that are drawn "
                      "for each step\n");
  EXPECT_EQ(recorder->recorded(), 1U);  // g_main
}

// A recording reads parameters where they were.
TEST_P(PhaseRecorderTest, OtherTensorsAreRecordedAnew) {
  compare(4);
  EXPECT_EQ(recorder->recorded(), 2U);
  const torch::NoGradGuard no_grad;
  for (Trained* trained : {usual.get(), recorded.get()}) {
    for (torch::Tensor& parameter : trained->networks.network("generator")->parameters()) {
      parameter.set_data(parameter * 1.5);
    }
  }
  const torch::AutoGradMode grad(true);
  compare(1);
  EXPECT_EQ(recorder->recorded(), 0U);
  compare(3);
  EXPECT_EQ(recorder->recorded(), 2U);
}

}  // namespace
}  // namespace dgl::test
