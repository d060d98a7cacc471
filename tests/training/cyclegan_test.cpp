#include "training/cyclegan_session.h"

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/run/run_log.h"
#include "dgl/training/bench.h"
#include "dgl/training/evaluator.h"
#include "dgl/training/judges.h"
#include "dgl/training/run_phase.h"
#include "dgl/training/stages.h"

namespace dgl::test {
namespace {

TEST_F(CycleGanSessionTest, TrainsOnTwoSets) {
  settings().pool = 0;
  recipe_.kimg = 0.32;
  recipe_.checkpoint_kimg = 0.08;
  ASSERT_EQ(start("run"), 0);
  const RunLog log = read_run_log(folder_ / "run/log.jsonl");
  for (const char* loss : {"g_main", "g_a", "g_b", "cycle_a", "cycle_b", "identity_a", "identity_b", "d_main", "d_a"}) {
    ASSERT_EQ(log.losses.count(loss), 1u) << loss;
    EXPECT_EQ(log.losses.at(loss).size(), 4u) << loss;
  }
  EXPECT_LT(log.losses.at("cycle_a").back().value, 0.8 * log.losses.at("cycle_a").front().value);
  EXPECT_LT(log.losses.at("identity_b").back().value, 0.8 * log.losses.at("identity_b").front().value);
  const NetworkSet model = load_model(folder_ / "run/model.safetensors");
  for (const char* slot : {"generator_a_to_b", "generator_b_to_a", "discriminator_a", "discriminator_b"}) {
    EXPECT_TRUE(model.network(slot)) << slot;
  }
  EXPECT_TRUE(model.find("generator_a_to_b")->average);
  for (const char* picture : {"final", "real", "000000"}) {
    EXPECT_TRUE(fs::exists(folder_ / (std::string("run/samples/") + picture + ".png"))) << picture;
  }
  const auto summary = nlohmann::json::parse(read_file(folder_ / "run/summary.json"));
  EXPECT_EQ(summary["model"]["generator"]["params"].get<int64_t>(),
            2 * summary["model"]["generator_a_to_b"]["params"].get<int64_t>());
  const nlohmann::json bench = bench_step(recipe_, Rational{}, /*guided=*/true, torch::kCPU);
  EXPECT_GT(bench["step"].get<double>(), 0);
}

// The pool of each domain is part of the state.
TEST_F(CycleGanSessionTest, ResumesToTheSameBitsFromEachCheckpoint) {
  ASSERT_EQ(start("whole"), 0);
  const auto whole = load_safetensors(folder_ / "whole/checkpoints/000016.safetensors");
  EXPECT_EQ(whole.at("objective.pool_b_count", "c").item<double>(), 3);
  EXPECT_GT(whole.at("objective.pool_a", "c").abs().sum().item<double>(), 0);
  for (const char* newest : {"000004", "000008", "000012"}) {
    ASSERT_EQ(start("cut"), 0);
    for (const auto& entry : fs::directory_iterator(folder_ / "cut/checkpoints")) {
      if (entry.path().stem().string() > newest) fs::remove(entry.path());
    }
    fs::remove(folder_ / "cut/summary.json");
    ASSERT_EQ(resume_run(folder_ / "cut", "auto", /*quiet=*/true), 0);
    const auto resumed = load_safetensors(folder_ / "cut/checkpoints/000016.safetensors");
    ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
    for (const auto& [name, tensor] : whole.tensors) EXPECT_TRUE(tensor.equal(resumed.at(name, "c"))) << name;
  }
}

// Instance norms treat each image alone, so that a batch may be split.
TEST_F(CycleGanSessionTest, ShardsGiveTheSameGradients) {
  settings().pool = 0;
  const auto gradients = [&](int64_t shards) {
    const auto session = make_session(recipe_, processes_);
    EXPECT_EQ(session->student.objective->max_shards(4), 4);
    StepInput input;
    for (const auto& data : session->data) input.real.push_back({to_unit_range(data->images({0, 1})), {}});
    Workers workers(shards);
    std::vector<torch::Tensor> all;
    for (const Phase& phase : session->student.phases) {
      run_phase(*session->student.objective, session->student.networks, phase, input, workers, 1);
      for (const std::string& slot : phase.trains) {
        for (const auto& p : session->student.networks.network(slot)->parameters()) all.push_back(p.grad().clone());
      }
    }
    return all;
  };
  const auto one = gradients(1), two = gradients(2);
  ASSERT_EQ(one.size(), two.size());
  for (size_t i = 0; i < one.size(); ++i) EXPECT_LT((one[i] - two[i]).abs().max().item<double>(), 1e-4);
  settings().pool = 5;
  EXPECT_EQ(make_session(recipe_, processes_)->student.objective->max_shards(4), 1);
}

TEST_F(CycleGanSessionTest, BothDiscriminatorsOfATeacherGuide) {
  const NetworkSet teacher = teach();
  ASSERT_EQ(start("half"), 0);
  const RunLog log = read_run_log(folder_ / "half/log.jsonl");
  ASSERT_EQ(log.losses.at("g_guidance").size(), 2u);  // stage 2's checkpoints
  EXPECT_GT(log.losses.at("g_pair").back().value, 0);
  const auto session = make_session(recipe_, processes_);
  EXPECT_EQ(session->recipe.init, "teacher");
  EXPECT_EQ(session->recipe.discriminator_init, "teacher");
  EXPECT_EQ(session->recipe.teacher().lambda, 0.3);
  EXPECT_EQ(session->recipe.teacher().pair, 1);
  const auto judges = session->guidance.discriminators();
  ASSERT_EQ(judges.size(), 2u);
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({1, 1, 16, 16});
  for (size_t domain = 0; domain < 2; ++domain) {
    EXPECT_EQ(judges[domain]->domain(), domain);
    const auto theirs = teacher.network<Discriminator>(domain == 0 ? "discriminator_a" : "discriminator_b");
    EXPECT_LT((judges[domain]->score(images, {}) - theirs->forward(images, {}).mean(1)).abs().max().item<double>(),
              1e-6);
  }
  // Each judges the translations into its domain, as do the student's own.
  const Evaluator evaluator(*session);
  EXPECT_EQ(evaluator.real_data().info().count, 14);
  EXPECT_EQ(evaluator.input_data().info().count, 20);
  const auto scores = Judges(*session, evaluator).measure();
  ASSERT_EQ(scores.size(), 4u);
  EXPECT_EQ(scores[0].name, "teacher of b");
  EXPECT_EQ(scores[1].name, "own of b");
  EXPECT_EQ(scores[2].name, "teacher of a");
  EXPECT_EQ(scores[3].name, "own of a");
}

// As GAN Compression's files are: a generator and the discriminator of its images.
TEST_F(CycleGanSessionTest, ATeacherOfOneDirectionGuidesThatOne) {
  teach({"generator_b_to_a", "discriminator_a"});
  recipe_.init = recipe_.discriminator_init = "random";
  recipe_.guidance.stage1_kimg = 0;
  ASSERT_EQ(start("half"), 0);
  EXPECT_GT(read_run_log(folder_ / "half/log.jsonl").losses.at("g_guidance").back().value, 0);
  const auto session = make_session(recipe_, processes_);
  ASSERT_EQ(session->guidance.discriminators().size(), 1u);
  EXPECT_EQ(session->guidance.discriminators()[0]->domain(), 1u);
  recipe_.discriminator_init = "teacher";
  expect_error([&] { start("inherit"); }, {"teacher", "no discriminator_a", "student.discriminator_init"});
  recipe_.discriminator_init = "random";
  recipe_.guidance.for_discriminator.align = 0.1;
  const auto aligned = make_session(recipe_, processes_);
  aligned->state.stage = 2;
  aligned->state.stages.resize(2);
  expect_error([&] { Trainer(*aligned).step(aligned->current_stage()); }, {"discriminator of each data domain"});
}

// Alignments, and a teacher that goes on learning, of both domains.
TEST_F(CycleGanSessionTest, DiscriminatorsLearnFromTheTeachersOfTheirDomains) {
  teach();
  recipe_.guidance.for_discriminator.align = 0.1;
  recipe_.guidance.for_discriminator.align_features = 0.1;
  recipe_.guidance.for_discriminator.logit_prior = 0.5;
  recipe_.guidance.train_teacher = true;
  ASSERT_EQ(start("half"), 0);
  const RunLog log = read_run_log(folder_ / "half/log.jsonl");
  for (const char* loss : {"d_align_a", "d_align_b", "d_align_features_a", "teacher_d_main", "teacher_d_a"}) {
    EXPECT_EQ(log.losses.count(loss), 1u) << loss;
  }
  // The teacher has a pool of its own.
  const TensorFile end = load_safetensors(folder_ / "half/checkpoints/000012.safetensors");
  EXPECT_GT(end.at("guidance.objective.pool_a", "c").abs().sum().item<double>(), 0);
  recipe_.guidance.for_discriminator.teacher_data = 0.5;
  expect_error([&] { start("data"); }, {"teacher", "makes images of images", "guidance.teacher_data"});
}

TEST_F(CycleGanSessionTest, RefusesWhatDoesNotFit) {
  const auto refused = [&](const std::vector<std::string>& words) {
    expect_error([&] { start("run"); }, words);
    EXPECT_FALSE(fs::exists(folder_ / "run"));
  };
  const Recipe good = recipe_;
  recipe_.run.data_b.clear();
  refused({"cyclegan", "a packed set for each of its domains", "a, b"});
  recipe_ = good;
  recipe_.run.data_b = make_bars(folder_, "rgb", 14, 3, /*labels=*/false).string();
  refused({"rgb", "3 x 16 x 16", "1 x 16 x 16"});
  recipe_ = good;
  settings().d_layers = 3;
  refused({"patch discriminator of 3 layers", "16 pixels", "expected fewer layers"});
  recipe_ = good;
  teach();
  ASSERT_EQ(start("first"), 0);
  recipe_.run.from_stage1 = (folder_ / "first").string();
  settings().pool = 5;
  refused({"stage1.safetensors", "objective.pool_a", "3 x 1 x 16 x 16", "5 x 1 x 16 x 16"});
  recipe_ = good;
  recipe_.accumulations = 2;
  refused({"training.pool", "whole batches", "training.accumulations = 1"});
  expect_error([] { parse_recipe("family = 'cyclegan'\n[network]\nresolution = 20\n", "my.toml"); },
               {"my.toml", "network.resolution = 20"});
  expect_error([] { parse_recipe("family = 'cyclegan'\n[network]\narchitecture = 'unet'\n", "my.toml"); },
               {"my.toml", "unet", "resnet", "mobile"});
}

}  // namespace
}  // namespace dgl::test
