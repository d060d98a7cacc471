#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/families/stylegan2/stylegan2.h"
#include "dgl/training/stages.h"
#include "dgl/training/train.h"
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
[student]
init = "random"
discriminator_init = "random"
[guidance]
stage1 = "alone"
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

  /// Trains both stages of the recipe in a folder, and gives the checkpoint at its end.
  TensorFile train(const std::string& out, const Recipe& recipe) const {
    EXPECT_EQ(start_run(recipe, folder_ / out, /*overwrite=*/true, /*quiet=*/true), 0);
    return last(out);
  }
  TensorFile last(const std::string& out) const {
    return load_safetensors(folder_ / (out + "/checkpoints/000008.safetensors"));
  }
  static void expect_same(const TensorFile& a, const TensorFile& b) {
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (const auto& [name, tensor] : a.tensors) EXPECT_TRUE(tensor.equal(b.at(name, "b"))) << name;
  }

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

// Stage 1 has four steps, and so has stage 2.
TEST_F(TeacherSessionTest, WhoeverBeginsStage2DecidesOnTheMoments) {
  for (const bool kept : {false, true}) {
    recipe_.guidance.keep_optimizer = kept;
    recipe_.run.from_stage1.clear();
    const TensorFile whole = train("whole", recipe_);
    const TensorFile end = load_safetensors(folder_ / "whole/checkpoints/stage1.safetensors");
    EXPECT_EQ(end.at("adam.generator.steps", "end").item<int64_t>(), 5);  // and one of path lengths
    EXPECT_EQ(whole.at("adam.generator.steps", "whole").item<int64_t>(), kept ? 10 : 5);

    // From its stage 1, and from the stage 1 of a run that decided otherwise.
    recipe_.run.from_stage1 = (folder_ / "whole").string();
    expect_same(whole, train("again", recipe_));
    Recipe other = recipe_;
    other.run.from_stage1.clear();
    other.guidance.keep_optimizer = !kept;
    train("other", other);
    recipe_.run.from_stage1 = (folder_ / "other").string();
    expect_same(whole, train("from_other", recipe_));

    // Resumed at the end of stage 1, and within stage 2.
    for (const char* newest : {"000004", "000006"}) {
      recipe_.run.from_stage1.clear();
      train("cut", recipe_);
      for (const auto& entry : fs::directory_iterator(folder_ / "cut/checkpoints")) {
        const std::string name = entry.path().stem().string();
        if (name.starts_with("0") && name > newest) fs::remove(entry.path());
      }
      fs::remove(folder_ / "cut/summary.json");
      ASSERT_EQ(resume_run(folder_ / "cut", "auto", /*quiet=*/true), 0);
      expect_same(whole, last("cut"));
    }
  }
}

TEST_F(TeacherSessionTest, AStage1WithoutMomentsCannotBeKeptUp) {
  recipe_.guidance.keep_optimizer = true;
  train("whole", recipe_);
  const fs::path path = folder_ / "whole/checkpoints/stage1.safetensors";
  TensorFile end = load_safetensors(path);
  for (const char* slot : {"generator", "discriminator"}) {
    end.tensors[std::string("adam.") + slot + ".steps"] = torch::zeros({}, torch::kLong);
  }
  save_safetensors(path, end);
  recipe_.run.from_stage1 = (folder_ / "whole").string();
  expect_error([&] { make_session(recipe_, processes_); }, {"stage1.safetensors", "moments", "keep_optimizer"});
}

/// The recipe that says nothing of a start.
Recipe open_start(Recipe recipe) {
  return recipe.init = recipe.discriminator_init = recipe.guidance.stage1 = "auto", recipe;
}

// A student of a part of its teacher's weights learns its images first: only its generator, without a discriminator.
TEST_F(TeacherSessionTest, ANarrowStudentStartsFromItsTeacherAndDistills) {
  Recipe recipe = open_start(recipe_);
  recipe.guidance.stage1_kimg = 0.4;
  recipe.checkpoint_kimg = 0.1;
  const auto session = make_session(recipe, processes_);
  EXPECT_EQ(session->recipe.init, "teacher");
  EXPECT_EQ(session->recipe.discriminator_init, "teacher");
  EXPECT_EQ(session->stages[0].name, "distill");
  EXPECT_EQ(session->recipe.teacher().lambda, 0);
  EXPECT_EQ(session->recipe.teacher().pair, 3);
  EXPECT_TRUE(session->notes.empty());
  ASSERT_EQ(start_run(recipe, folder_ / "whole", true, true), 0);

  std::vector<double> losses;
  std::istringstream log(read_file(folder_ / "whole/log.jsonl"));
  for (std::string line; std::getline(log, line);) {
    const auto json = nlohmann::json::parse(line);
    if (json["stage"] != 1) {
      EXPECT_TRUE(json["loss"].contains("d_main"));
      EXPECT_FALSE(json["loss"].contains("g_distill"));
      continue;
    }
    EXPECT_EQ(json["loss"].size(), 1u) << line;
    losses.push_back(json["loss"].at("g_distill"));
  }
  ASSERT_EQ(losses.size(), 4u);
  EXPECT_LT(losses.back(), 0.8 * losses.front());

  const TensorFile end = load_safetensors(folder_ / "whole/checkpoints/stage1.safetensors");
  EXPECT_EQ(end.at("adam.discriminator.steps", "end").item<int64_t>(), 0);
  EXPECT_EQ(end.at("adam.generator.steps", "end").item<int64_t>(), 100);
  for (const auto& item : teacher_.discriminator()->named_parameters()) {
    EXPECT_TRUE(end.at("discriminator." + item.key(), "end").equal(item.value())) << item.key();
  }

  // From a checkpoint within stage 1, and from its end, to the same bits.
  const auto newest = [&](const std::string& out) { return load_safetensors(folder_ / out / "model.safetensors"); };
  recipe.guidance.stage1_kimg = 0.2;
  recipe.checkpoint_kimg = 0.05;
  ASSERT_EQ(start_run(recipe, folder_ / "short", true, true), 0);
  ASSERT_EQ(start_run(recipe, folder_ / "cut", true, true), 0);
  for (const auto& entry : fs::directory_iterator(folder_ / "cut/checkpoints")) {
    if (entry.path().stem().string() > "000025") fs::remove(entry.path());
  }
  fs::remove(folder_ / "cut/summary.json");
  ASSERT_EQ(resume_run(folder_ / "cut", "auto", true), 0);
  expect_same(newest("short"), newest("cut"));
  recipe.run.from_stage1 = (folder_ / "short").string();
  ASSERT_EQ(start_run(recipe, folder_ / "again", true, true), 0);
  expect_same(newest("short"), newest("again"));
}

TEST_F(TeacherSessionTest, AStartThatDoesNotFitIsRandomAndSaidToBe) {
  const auto expect_random = [&](const Recipe& recipe, const std::vector<std::string>& says) {
    const auto session = make_session(recipe, processes_);
    EXPECT_EQ(session->recipe.init, "random");
    EXPECT_EQ(session->recipe.discriminator_init, "random");
    EXPECT_EQ(session->recipe.guidance.stage1, "alone");
    EXPECT_EQ(session->recipe.teacher().lambda, 0.1);
    EXPECT_EQ(session->recipe.teacher().pair, 0);
    ASSERT_EQ(session->notes.size(), says.empty() ? 0u : 1u);
    for (const std::string& word : says) EXPECT_NE(session->notes[0].find(word), std::string::npos) << word;
  };
  // As wide as the teacher: its weights, but nothing to learn from its images.
  Recipe recipe = open_start(recipe_);
  recipe.width = "1";
  EXPECT_EQ(make_session(recipe, processes_)->recipe.init, "teacher");
  EXPECT_EQ(make_session(recipe, processes_)->recipe.guidance.stage1, "alone");
  // To boost is to train anew.
  recipe.run.command = "boost";
  expect_random(recipe, {});

  // A recipe of a wider network than the teacher's contradicts it; a teacher without a generator does not fit.
  recipe = open_start(recipe_);
  dynamic_cast<StyleGan2FamilySettings&>(*recipe.network).network.channel_max = 16;
  expect_error([&] { make_session(recipe, processes_); },
               {"teacher", "network.channel_max = 16 where it has 6", "student.init = \"random\""});
  NetworkSet judge;
  judge.add({.name = "discriminator", .role = NetworkRole::discriminator, .network = teacher_.discriminator()});
  save_model(folder_ / "teacher", judge);
  recipe = open_start(recipe_);
  expect_random(recipe, {"student.init", "no generator"});
  // What is demanded is not replaced.
  recipe.init = "teacher";
  expect_error([&] { make_session(recipe, processes_); }, {"no generator", "student.init"});
  recipe = recipe_;
  recipe.guidance.stage1 = "distill";
  expect_error([&] { make_session(recipe, processes_); }, {"no generator", "guidance.stage1"});
}

}  // namespace
}  // namespace dgl::test
