#include <array>
#include <set>
#include <string>
#include <utility>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/run/run_log.h"
#include "dgl/training/session.h"
#include "training/cyclegan_session.h"

namespace dgl::test {
namespace {

using torch::Tensor;

constexpr std::array kPairSlots{"pair_discriminator_a", "pair_discriminator_b"};

/// Discriminators of an image and what comes back of its translation.
class CycleGanPairsTest : public CycleGanSessionTest {
 protected:
  CycleGanPairsTest() {
    settings().pair_judge = 0.2;
    settings().pool = 0;
    recipe_.guidance.stage1 = "alone";
    recipe_.teacher().lambda = recipe_.teacher().pair = 0;
  }

  /// The losses of a phase of a session on the first images of both sets.
  static Scalars losses_of(TrainingSession& session, const std::string& name) {
    StepInput input;
    for (const auto& data : session.data) input.real.push_back({to_unit_range(data->images({0, 1, 2})), {}});
    input.guidance = &session.guidance;
    input.random = make_random(torch::kCPU, 1);
    StepOutput output;
    for (const Phase& phase : session.student.phases) {
      if (phase.name == name) phase.loss(input, output);
    }
    return output.losses;
  }

  /// The scores of a model's pairs of a domain by `judge`: of images and what the generator of their domain makes of
  /// them, and of images and what comes back.
  static std::pair<Tensor, Tensor> scores(const TrainingSession& session, size_t domain, Discriminator& judge) {
    const torch::NoGradGuard no_grad;
    const Tensor images = to_unit_range(session.data[domain]->images({0, 1, 2}));
    const NetworkSet& model = session.student.networks;
    const auto into_a = model.network<ResnetGenerator>("generator_b_to_a"),
               into_b = model.network<ResnetGenerator>("generator_a_to_b");
    ResnetGenerator &into = domain == 0 ? *into_a : *into_b, &away = domain == 0 ? *into_b : *into_a;
    return {judge.forward(at::cat({images, into.forward(images)}, 1), {}),
            judge.forward(at::cat({images, into.forward(away.forward(images))}, 1), {})};
  }
};

TEST_F(CycleGanPairsTest, LearnWithTheOtherDiscriminators) {
  torch::manual_seed(2);
  const auto session = make_session(recipe_, processes_);
  const Scalars d = losses_of(*session, "d_main"), g = losses_of(*session, "g_main");
  for (size_t domain = 0; domain < 2; ++domain) {
    const std::string name = domain == 0 ? "a" : "b";
    const auto judge = session->student.networks.network<Discriminator>(kPairSlots[domain]);
    ASSERT_TRUE(judge);
    EXPECT_EQ(judge->channels(), 2);
    const auto [direct, returned] = scores(*session, domain, *judge);
    const double expected = ((direct - 1).square().mean() + returned.square().mean()).item<double>() / 2;
    EXPECT_NEAR(d.at("d_pairs_" + name).item<double>(), expected, 1e-5);
    EXPECT_NEAR(g.at("g_pairs_" + name).item<double>(), 0.2 * (returned - 1).square().mean().item<double>(), 1e-5);
  }
  recipe_.kimg = 0.2;
  ASSERT_EQ(start("run"), 0);
  const Curve curve = read_run_log(folder_ / "run/log.jsonl").losses.at("d_pairs_a");
  EXPECT_LT(curve.back().value, curve.front().value);
  const NetworkSet model = load_model(folder_ / "run/model.safetensors");
  for (const char* slot : kPairSlots) EXPECT_TRUE(model.network<Discriminator>(slot)) << slot;
  EXPECT_EQ(pair_discriminators_of(model, "run").size(), 2u);
  EXPECT_EQ(discriminators_of(model, "run").size(), 2u);
}

TEST_F(CycleGanPairsTest, JudgeAStudentsCycles) {
  teach();
  settings().pair_judge = 0;
  recipe_.teacher().pair_judge = 0.5;
  const auto session = make_session(recipe_, processes_);
  EXPECT_FALSE(session->student.networks.find(kPairSlots[0]));
  double expected = 0;
  for (const DomainDiscriminator& judge : pair_discriminators_of(*session->teacher, "teacher")) {
    expected += 0.5 * (scores(*session, judge.domain, *judge.network).second - 1).square().mean().item<double>();
  }
  EXPECT_NEAR(losses_of(*session, "g_main").at("g_pair_judge").item<double>(), expected, 1e-5);
  ASSERT_EQ(start("half"), 0);
  EXPECT_GT(read_run_log(folder_ / "half/log.jsonl").losses.at("g_pair_judge").back().value, 0);
}

// For a teacher that was trained without them.
TEST_F(CycleGanPairsTest, LearnAfterwardsBesideNetworksAsTheyAre) {
  settings().pair_judge = 0;
  const NetworkSet teacher = teach();
  settings().pair_judge = 0.2;
  settings().part = "pair_discriminators";
  recipe_.width = "1/2";  // of what it trains, which is nothing that has a width
  recipe_.guidance.stage1_kimg = 0;
  ASSERT_EQ(start("judges"), 0);
  const NetworkSet model = load_model(folder_ / "judges/model.safetensors");
  for (const NetworkSlot& slot : teacher) {
    const auto before = slot.network->named_parameters();
    for (const auto& item : model.best(slot.name)->named_parameters()) {
      EXPECT_TRUE(item.value().equal(before[item.key()])) << slot.name << ": " << item.key();
    }
  }
  EXPECT_EQ(pair_discriminators_of(model, "judges").size(), 2u);
  const RunLog log = read_run_log(folder_ / "judges/log.jsonl");
  EXPECT_EQ(log.losses.count("d_pairs_b"), 1u);
  EXPECT_EQ(log.losses.count("d_b"), 0u);
  EXPECT_EQ(log.losses.count("g_main"), 0u);
}

// Its other discriminators start from the teacher's all the same.
TEST_F(CycleGanPairsTest, StartFromRandomWeightsWhereTheTeacherHasNone) {
  settings().pair_judge = 0;
  const NetworkSet teacher = teach();
  settings().pair_judge = 0.2;
  const auto session = make_session(recipe_, processes_);
  EXPECT_EQ(session->recipe.discriminator_init, "teacher");
  const auto own = session->student.networks.network("discriminator_a")->parameters(),
             theirs = teacher.network("discriminator_a")->parameters();
  for (size_t i = 0; i < own.size(); ++i) EXPECT_TRUE(own[i].equal(theirs[i]));
  EXPECT_TRUE(session->student.networks.network(kPairSlots[0]));
}

TEST_F(CycleGanPairsTest, RefusesWhatCannotJudge) {
  settings().pair_judge = 0;
  teach();
  recipe_.teacher().pair_judge = 0.5;
  expect_error([&] { start("run"); }, {"teacher", "guidance.pair_judge", "pair_discriminators"});
  settings().pair_judge = 0.2;
  teach();
  settings().pair_images = "translations";
  expect_error([&] { start("run"); }, {"guidance.pair_judge", "pair_images = \"cycles\""});
  expect_error([] { parse_recipe("family = 'cyclegan'\n[student]\npart = 'pair_discriminators'\n", "r"); },
               {"student.part", "training.pair_judge above 0"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

}  // namespace
}  // namespace dgl::test
