#include <array>
#include <utility>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/run/run_log.h"
#include "dgl/training/session.h"
#include "training/cyclegan_session.h"

namespace dgl::test {
namespace {

/// Students of the small CycleGAN that learn their teacher's translations, or a part of them.
class CycleGanStudentTest : public CycleGanSessionTest {
 protected:
  /// The loss of a phase of a session in its current stage on the first images of both sets.
  static torch::Tensor loss_of(TrainingSession& session, const std::string& name, StepOutput& output) {
    StepInput input;
    for (const auto& data : session.data) input.real.push_back({to_unit_range(data->images({0, 1, 2})), {}});
    input.guidance = &session.guidance;
    input.teacher = session.teacher_sampler;
    input.random = make_random(torch::kCPU, 1);
    for (const Phase& phase : session.student.phases) {
      if (phase.name == name) return phase.loss(input, output);
    }
    ADD_FAILURE() << "no phase " << name;
    return {};
  }
  /// The mean absolute differences of a student's and its teacher's translations of those images, both ways.
  static double difference(const TrainingSession& session) {
    const torch::NoGradGuard no_grad;
    double sum = 0;
    for (const auto& [slot, domain] : {std::pair{"generator_a_to_b", 0}, std::pair{"generator_b_to_a", 1}}) {
      const torch::Tensor images = to_unit_range(session.data[static_cast<size_t>(domain)]->images({0, 1, 2}));
      const auto own = session.student.networks.network<ResnetGenerator>(slot)->forward(images),
                 theirs = session.teacher->best<ResnetGenerator>(slot)->forward(images);
      sum += (own - theirs).abs().mean().item<double>();
    }
    return sum;
  }
};

TEST_F(CycleGanStudentTest, DistillsTheTeachersTranslationsOfBothDirections) {
  teach();
  recipe_.guidance.stage1 = "distill";
  recipe_.guidance.distill_distance = "pixel";
  recipe_.guidance.stage1_kimg = 0.1;
  recipe_.guidance.distill_lr = 0.002;
  recipe_.guidance.stage2_kimg = 0;
  const auto session = make_session(recipe_, processes_);
  EXPECT_EQ(session->stages[0].name, "distill");
  StepOutput output;
  const double expected = difference(*session);
  EXPECT_GT(expected, 0.01);
  EXPECT_NEAR(loss_of(*session, "g_distill", output).item<double>(), expected, 1e-4);
  EXPECT_NEAR(output.losses.at("g_distill").item<double>(), expected, 1e-4);
  // A student that is its teacher has nothing to learn.
  Recipe whole = recipe_;
  whole.width = "1";
  EXPECT_NEAR(loss_of(*make_session(whole, processes_), "g_distill", output).item<double>(), 0, 1e-5);

  ASSERT_EQ(start("half"), 0);
  const RunLog log = read_run_log(folder_ / "half/log.jsonl");
  const Curve& curve = log.losses.at("g_distill");
  EXPECT_LT(curve.back().value, 0.8 * curve.front().value);
  EXPECT_EQ(log.losses.count("d_main"), 0u);
  EXPECT_EQ(log.losses.count("g_main"), 0u);
}

// By the program's own choice stage 1 is the student's own training.
TEST_F(CycleGanStudentTest, DistillsOnlyWhereTheRecipeSaysSo) {
  teach();
  const auto session = make_session(recipe_, processes_);
  EXPECT_EQ(session->recipe.guidance.stage1, "alone");
  EXPECT_EQ(session->recipe.teacher().lambda, 0.3);
}

TEST_F(CycleGanStudentTest, PairsCompareTranslationsWithTheTeachers) {
  teach();
  settings().pair_images = "translations";
  settings().pool = 0;
  recipe_.guidance.stage1 = "alone";
  recipe_.teacher().lambda = 0;
  recipe_.teacher().pair = 0.5;
  recipe_.teacher().pair_distance = "pixel";
  const auto session = make_session(recipe_, processes_);
  StepOutput output;
  loss_of(*session, "g_main", output);
  EXPECT_NEAR(output.losses.at("g_pair").item<double>(), 0.5 * difference(*session), 1e-4);
  EXPECT_EQ(start("half"), 0);
}

TEST_F(CycleGanStudentTest, RefusesTeachersWhoseTranslationsItCannotLearn) {
  recipe_.guidance.stage1 = "distill";
  teach({"generator_b_to_a"});
  recipe_.init = recipe_.discriminator_init = "random";
  expect_error([&] { start("run"); }, {"teacher", "no generator_b_to_a"});
  teach({"discriminator_a"});
  expect_error([&] { start("run"); }, {"teacher", "no discriminator", "discriminator_a judges"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(CycleGanStudentTest, OneDirectionIsNarrowedAndTheOtherKept) {
  const NetworkSet teacher = teach();
  for (const auto& [part, other, own_domain, other_domain] :
       {std::array{"a_to_b", "b_to_a", "b", "a"}, std::array{"b_to_a", "a_to_b", "a", "b"}}) {
    settings().part = part;
    recipe_.guidance.stage1 = "distill";
    ASSERT_EQ(start("part"), 0) << part;
    const NetworkSet model = load_model(folder_ / "part/model.safetensors");
    const auto kept = model.best(std::string("generator_") + other),
               narrowed = model.best(std::string("generator_") + part),
               theirs = teacher.best(std::string("generator_") + other);
    EXPECT_LT(3 * narrowed->cost().params, kept->cost().params);
    const auto before = theirs->named_parameters();
    for (const auto& item : kept->named_parameters()) {
      EXPECT_TRUE(item.value().equal(before[item.key()])) << part << ": " << item.key();
    }
    EXPECT_TRUE(model.find(std::string("discriminator_") + own_domain));
    EXPECT_FALSE(model.find(std::string("discriminator_") + other_domain));
    const RunLog log = read_run_log(folder_ / "part/log.jsonl");
    for (const char* loss : {"g_distill", "cycle_a", "cycle_b", "g_pair", "g_guidance"}) {
      EXPECT_EQ(log.losses.count(loss), 1u) << part << ": " << loss;
    }
    EXPECT_EQ(log.losses.count(std::string("g_") + own_domain), 1u);
    EXPECT_EQ(log.losses.count(std::string("g_") + other_domain), 0u);
    EXPECT_EQ(log.losses.count(std::string("identity_") + other_domain), 0u);
  }
  recipe_.init = "random";
  expect_error([&] { start("random"); }, {"student.init = \"random\"", "generator_a_to_b is not trained"});
  recipe_.run.command = "train";
  expect_error([&] { start("alone"); }, {"student.part", "for students only"});
}

// A frozen generator gets no gradient, and the cycles through it do give the other one.
TEST_F(CycleGanStudentTest, WeightsOfGradientsWorkBesideAFrozenDirection) {
  teach();
  settings().part = "a_to_b";
  for (const char* weight : {"gradient", "last_layer"}) {
    recipe_.teacher().lambda = 0.3;
    recipe_.teacher().pair = 1;
    recipe_.teacher().weight = recipe_.teacher().pair_weight = weight;
    ASSERT_EQ(start("weighted"), 0) << weight;
    EXPECT_GT(read_run_log(folder_ / "weighted/log.jsonl").losses.at("g_pair").back().value, 0) << weight;
  }
}

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
