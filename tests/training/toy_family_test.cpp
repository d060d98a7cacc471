#include "toy_family.h"

#include "dgl/base/files.h"
#include "dgl/data/packed.h"
#include "dgl/families/model_file.h"
#include "dgl/metrics/classifier.h"
#include "dgl/nn/profile.h"
#include "dgl/run/run_log.h"
#include "dgl/training/bench.h"
#include "dgl/training/stages.h"
#include "dgl/training/train.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// A run of the toy family on two sets: all 50 and all 200.
class ToyFamilyTest : public ::testing::Test {
 protected:
  ToyFamilyTest() {
    register_toy_family();
    recipe_ = parse_recipe(R"(
family = "toy"
[network]
resolution = 8
img_channels = 1
[training]
batch = 4
kimg = 0.32
checkpoint_kimg = 0.08
checkpoint_keep = 100
lr = 0.01
seed = 3
)",
                           "toy.toml");
    recipe_.run.command = "train";
    recipe_.run.data = pack("a", 50);
    recipe_.run.data_b = pack("b", 200);
    recipe_.run.device = "cpu";
  }
  std::string pack(const std::string& name, uint8_t value) const {
    DatasetInfo info;
    info.count = 8;
    info.resolution = 8;
    info.channels = 1;
    info.resize = "none";
    PackedWriter writer(folder_ / name, info);
    const std::vector<uint8_t> pixels(64, value);
    for (int i = 0; i < 8; ++i) writer.add(pixels.data(), 0);
    writer.finish();
    return (folder_ / name).string();
  }
  int start(const std::string& out) const {
    return start_run(recipe_, folder_ / out, /*overwrite=*/true, /*quiet=*/true);
  }

  TemporaryFolder folder_;
  Recipe recipe_;
};

// One step from the same weights: Adam's first moment is (1 - beta1) times the gradient, whose norm the limit is.
TEST_F(ToyFamilyTest, GradientsAreClippedToTheLimitOfAllThatAPhaseTrains) {
  recipe_.kimg = 0.004;
  recipe_.beta1 = 0.5;
  const auto norm_of_moments = [&](double clip, const std::string& out) {
    recipe_.clip = clip;
    EXPECT_EQ(start(out), 0);
    const TensorFile file = load_safetensors(RunDirectory::open(folder_ / out).checkpoint(1));
    double square = 0;
    for (const auto& [name, tensor] : file.tensors) {
      if (name.find(".m.") != std::string::npos) square += tensor.square().sum().item<double>();
    }
    return std::sqrt(square);
  };
  const double free = norm_of_moments(0, "free");
  EXPECT_GT(free, 0);
  EXPECT_DOUBLE_EQ(norm_of_moments(1e3, "wide"), free);
  EXPECT_NEAR(norm_of_moments(free / 2, "narrow"), free / 4, free * 1e-5);  // 2 * free is the gradient's norm
}

TEST_F(ToyFamilyTest, TrainsOnBothDomainsAndIsSampledProfiledAndMeasured) {
  ASSERT_EQ(start("run"), 0);
  const NetworkSet model = load_model(folder_ / "run/model.safetensors");
  EXPECT_EQ(family_of(model, "m").name(), "toy");
  EXPECT_FALSE(model.discriminator());
  const auto sampler = sampler_of(model, "m");
  DrawOptions options{.count = 16};
  const torch::Tensor images = sample_images(*sampler, draw_condition(sampler->spec(), options), options);
  // Half-way between the two sets, near which 80 steps have come.
  EXPECT_NEAR(images.mean().item<double>(), 125 / 127.5 - 1, 0.05);
  const nlohmann::json costs = profile(*model.network("generator"), torch::kCPU);
  EXPECT_EQ(costs["params"], 64 * 5);
  EXPECT_GT(costs["latency_ms"]["16"].get<double>(), 0);
  EXPECT_FALSE(onnx_graph(*sampler, 1, model.info).bytes().empty());
  const nlohmann::json bench = bench_step(recipe_, Rational{}, /*guided=*/false, torch::kCPU);
  EXPECT_EQ(bench["phases"], nlohmann::json({"g_main"}));
  EXPECT_GT(bench["step"].get<double>(), 0);
  const auto summary = nlohmann::json::parse(read_file(folder_ / "run/summary.json"));
  EXPECT_EQ(summary["model"]["generator"]["params"], 64 * 5);
  EXPECT_EQ(read_run_log(folder_ / "run/log.jsonl").losses.at("g_main").size(), 4u);
}

TEST_F(ToyFamilyTest, ResumesToTheSameBitsFromEachCheckpoint) {
  ASSERT_EQ(start("whole"), 0);
  const auto whole = load_safetensors(folder_ / "whole/checkpoints/000080.safetensors");
  EXPECT_EQ(whole.at("objective.steps", "c").item<double>(), 80);
  for (const char* newest : {"000020", "000040", "000060"}) {
    ASSERT_EQ(start("cut"), 0);
    for (const auto& entry : fs::directory_iterator(folder_ / "cut/checkpoints")) {
      const std::string name = entry.path().stem().string();
      if (name > newest) fs::remove(entry.path());
    }
    fs::remove(folder_ / "cut/summary.json");
    ASSERT_EQ(resume_run(folder_ / "cut", "auto", /*quiet=*/true), 0);
    const auto resumed = load_safetensors(folder_ / "cut/checkpoints/000080.safetensors");
    ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
    for (const auto& [name, tensor] : whole.tensors) EXPECT_TRUE(tensor.equal(resumed.at(name, "c"))) << name;
  }
}

TEST_F(ToyFamilyTest, ItsKeysAreItsOwn) {
  expect_error([] { parse_recipe("family = 'toy'\n[network]\nw_dim = 3\n", "my.toml"); },
               {"my.toml", "network.w_dim", "toy", "resolution, img_channels, z_dim"});
  expect_error([] { parse_recipe("family = 'toy'\n[training]\npull = 1000\n", "my.toml"); },
               {"training.pull = 1000", "0 to 100"});
  expect_error([] { parse_recipe("[training]\npull = 1\n", "my.toml"); }, {"training.pull", "stylegan2"});
}

TEST_F(ToyFamilyTest, NeedsASetForEachDomain) {
  recipe_.run.data_b.clear();
  expect_error([&] { start("run"); }, {"toy", "a, b"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(ToyFamilyTest, IsRegisteredOnce) {
  expect_error([] { register_family(std::make_unique<ToyFamily>()); }, {"toy", "registered already"});
  expect_error([] { find_family("stylegan3", "r.toml"); }, {"r.toml", "stylegan3", "stylegan2 or biggan", "toy"});
}

// The parts of a run, each by itself.
class TrainingParts : public ToyFamilyTest {
 protected:
  TrainingParts()
      : session_(make_session(recipe_, processes_)),
        directory_(RunDirectory::create(folder_ / "run", recipe_, false)) {}

  ProcessGroup processes_;
  std::unique_ptr<TrainingSession> session_;
  RunDirectory directory_;
  Progress progress_{/*quiet=*/true};
};

TEST_F(TrainingParts, TheTrainerOnlySteps) {
  Trainer trainer(*session_);
  const auto before = session_->student.networks.network("generator")->parameters()[0].detach().clone();
  session_->state.stages.emplace_back();
  trainer.step(session_->current_stage());
  EXPECT_EQ(session_->state.step, 1);
  EXPECT_EQ(session_->state.images, 4);
  EXPECT_FALSE(session_->student.networks.network("generator")->parameters()[0].equal(before));
  EXPECT_FALSE(fs::exists(directory_.checkpoint(1)));
  EXPECT_EQ(fs::file_size(directory_.log()), 0u);
}

TEST_F(TrainingParts, ACheckpointBringsASessionBack) {
  Trainer trainer(*session_);
  session_->state.stages.emplace_back();
  trainer.step(session_->current_stage());
  Checkpointer(*session_).save(directory_.checkpoint(1));
  trainer.step(session_->current_stage());
  const auto other = make_session(recipe_, processes_);
  Checkpointer(*other).load_newest(directory_, directory_.checkpoints(), progress_);
  EXPECT_EQ(other->state.step, 1);
  Trainer(*other).step(other->current_stage());
  const auto weights = [](const TrainingSession& session) {
    return session.student.networks.network("generator")->parameters();
  };
  for (size_t i = 0; i < weights(*session_).size(); ++i) EXPECT_TRUE(weights(*session_)[i].equal(weights(*other)[i]));
  EXPECT_TRUE(session_->student.objective->state().at("steps").equal(other->student.objective->state().at("steps")));
}

TEST_F(TrainingParts, DamagedCheckpointsArePassedOver) {
  const Checkpointer checkpointer(*session_);
  checkpointer.save(directory_.checkpoint(1));
  folder_.put("run/checkpoints/000002.safetensors", "no checkpoint");
  checkpointer.load_newest(directory_, directory_.checkpoints(), progress_);
  fs::remove(directory_.checkpoint(1));
  expect_error([&] { checkpointer.load_newest(directory_, directory_.checkpoints(), progress_); },
               {"run", "none of its"});
}

TEST_F(TrainingParts, TheRecorderWritesALineSamplesAndTheBest) {
  const Evaluator evaluator(*session_);
  EXPECT_FALSE(evaluator.has_features());
  const Judges judges(*session_, evaluator);
  RunRecorder recorder(*session_, directory_, evaluator, judges, progress_);
  session_->state.stages.emplace_back();
  Trainer(*session_).step(session_->current_stage());
  recorder.on_checkpoint(session_->current_stage());
  EXPECT_EQ(read_run_log(directory_.log()).losses.at("g_main").size(), 1u);
  EXPECT_TRUE(fs::exists(directory_.sample("000000")));
  EXPECT_TRUE(fs::exists(directory_.best()));
  EXPECT_TRUE(session_->state.losses.sum.empty());
}

TEST_F(TrainingParts, AFinishedModelIsMeasuredByMoreThanTheDistance) {
  const auto put_network = [&](const std::string& name, uint64_t seed) {
    torch::manual_seed(seed);
    ClassifierShape shape;
    shape.distance = name;
    shape.resolution = 8;
    shape.features = 3;
    shape.classes = 2;
    save_classifier(folder_ / name, Classifier(shape), 0);
    return (folder_ / name).string();
  };
  const std::string first = put_network("fd_first", 1), second = put_network("fd_second", 2);
  const auto sampler = sampler_of(session_->student.networks, "m");
  constexpr int64_t kSamples = Evaluator::kMostFeatures + 3;
  session_->recipe.run.features = first;
  const Evaluator plain(*session_);
  EXPECT_EQ(plain.judge_name(), "");
  const FinalMeasures unjudged = plain.measure(*sampler, 2, Stream::final_evaluation, plain.real_images());
  EXPECT_FALSE(unjudged.judge_distance);
  EXPECT_TRUE(unjudged.kid_mean);
  EXPECT_FALSE(unjudged.precision);  // of two images

  session_->recipe.run.judge_features = second;
  const Evaluator judged(*session_);
  EXPECT_EQ(judged.judge_name(), "fd_second");
  const FinalMeasures measures = judged.measure(*sampler, kSamples, Stream::final_evaluation, judged.real_images());
  EXPECT_EQ(measures.distance, plain.distance(*sampler, kSamples, Stream::final_evaluation));
  EXPECT_NE(measures.judge_distance, measures.distance);
  ASSERT_TRUE(measures.precision);
  // All real images are one, from which the others differ.
  EXPECT_EQ(*measures.recall, 0);
  EXPECT_GT(*measures.kid_mean, 0);
  session_->recipe.run.features = second;
  session_->recipe.run.judge_features = "";
  EXPECT_EQ(measures.judge_distance, Evaluator(*session_).distance(*sampler, kSamples, Stream::final_evaluation));

  const auto expect_refused = [&](const std::string& features, const std::string& judge,
                                  const std::vector<std::string>& words) {
    session_->recipe.run.features = features;
    session_->recipe.run.judge_features = judge;
    expect_error([&] { const Evaluator evaluator(*session_); }, words);
  };
  expect_refused(first, first, {"fd_first", "evaluation.judge_features", "another network"});
  expect_refused("", first, {"fd_first", "expected evaluation.features"});
  expect_refused(first, (folder_ / "none").string(), {"none"});
}

TEST_F(TrainingParts, ADivergenceEndsTheStagesOrGoesBack) {
  for (const char* name : {"a", "b"}) pack(name, 255);  // far from what the generator begins with
  recipe_.loss_limit = 1;
  dynamic_cast<ToySettings&>(*recipe_.network).pull = 100;
  const auto diverge = [&](const std::string& on_divergence) {
    recipe_.on_divergence = on_divergence;
    const auto session = make_session(recipe_, processes_);
    Trainer trainer(*session);
    const Evaluator evaluator(*session);
    const Judges judges(*session, evaluator);
    RunRecorder recorder(*session, directory_, evaluator, judges, progress_);
    const Checkpointer checkpointer(*session);
    run_stages(*session, trainer, recorder, checkpointer, directory_, progress_);
  };
  EXPECT_THROW(diverge("error"), DivergenceError);
  expect_error([&] { diverge("restore"); }, {"diverged 4 times", "loss g_main"});
}

}  // namespace
}  // namespace dgl::test
