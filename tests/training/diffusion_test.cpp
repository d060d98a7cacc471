#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "dgl/data/packed.h"
#include "dgl/families/diffusion/denoiser.h"
#include "dgl/families/diffusion/samplers.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/classifier.h"
#include "dgl/run/run_log.h"
#include "dgl/training/train.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// Runs of a small diffusion model on 16 images of two grays.
class DiffusionRun : public ::testing::Test {
 protected:
  DiffusionRun() {
    DatasetInfo info;
    info.count = 16;
    info.resolution = 8;
    info.channels = 1;
    info.resize = "none";
    PackedWriter writer(folder_ / "d", info);
    for (int i = 0; i < 16; ++i) {
      const std::vector<uint8_t> pixels(64, i % 2 == 0 ? 60 : 200);
      writer.add(pixels.data(), 0);
    }
    writer.finish();
  }
  Recipe recipe(const std::string& command, const std::string& more = "") const {
    Recipe made = parse_recipe("family = 'diffusion'\n[network]\narchitecture = '" + architecture_ + R"('
resolution = 8
img_channels = 1
channels = 16
multiples = "1,2"
blocks = 1
attention = "4"
dropout = 0.1
sampler = "renoise"
steps = 2
[training]
batch = 8
kimg = 0.48
checkpoint_kimg = 0.16
checkpoint_keep = 100
lr = 0.003
beta1 = 0.9
ema_kimg = 0.05
)" + more,
                               "r.toml");
    made.run.command = command;
    made.run.data = (folder_ / "d").string();
    made.run.device = "cpu";
    return made;
  }
  int start(const Recipe& recipe, const std::string& out) const {
    return start_run(recipe, folder_ / out, /*overwrite=*/true, /*quiet=*/true);
  }
  static std::string with_discriminator(const std::string& architecture) {
    return "[discriminator]\narchitecture = '" + architecture +
           "'\nchannels = 8\nchannel_max = 8\nlayers = 1\nnorm = 'none'\nr1_gamma = 1\nr1_interval = 4\nstart_kimg = "
           "0.24\n";
  }
  /// A student of the model in "teacher" from random weights, with these keys of [guidance].
  Recipe student(const std::string& keys) const {
    Recipe made = recipe("compress", "[guidance]\nstage1_kimg = 0.16\nstage2_kimg = 0.16\n" + keys +
                                         "[student]\nwidth = '1/2'\ninit = 'random'\n");
    made.guidance.teachers.at(0).file = (folder_ / "teacher/model.safetensors").string();
    return made;
  }
  std::vector<double> losses(const std::string& out) const {
    const RunLog log = read_run_log(folder_ / (out + "/log.jsonl"));
    std::vector<double> all;
    for (const CurvePoint& point : log.losses.at("g_main")) all.push_back(point.value);
    return all;
  }

  std::string architecture_ = "ddpm";
  TemporaryFolder folder_;
};

TEST_F(DiffusionRun, TrainsAndDrawsByItsOwnSampler) {
  ASSERT_EQ(start(recipe("train"), "run"), 0);
  const auto all = losses("run");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_LT(all.back(), all.front());
  const NetworkSet model = load_model(folder_ / "run/model.safetensors");
  EXPECT_EQ(family_of(model, "m").name(), "diffusion");
  const auto sampler = std::dynamic_pointer_cast<DiffusionSampler>(sampler_of(model, "m"));
  ASSERT_TRUE(sampler);
  EXPECT_EQ(sampler->solver().name, "renoise");
  EXPECT_EQ(sampler->solver().steps, 2);
  EXPECT_TRUE(fs::is_regular_file(folder_ / "run/samples/final.png"));
}

TEST_F(DiffusionRun, ResumesToTheSameBitsFromEachCheckpoint) {
  ASSERT_EQ(start(recipe("train"), "whole"), 0);
  const auto whole = load_safetensors(folder_ / "whole/checkpoints/000060.safetensors");
  for (const char* newest : {"000020", "000040"}) {
    ASSERT_EQ(start(recipe("train"), "cut"), 0);
    for (const auto& entry : fs::directory_iterator(folder_ / "cut/checkpoints")) {
      if (entry.path().stem().string() > newest) fs::remove(entry.path());
    }
    fs::remove(folder_ / "cut/summary.json");
    ASSERT_EQ(resume_run(folder_ / "cut", "auto", /*quiet=*/true), 0);
    const auto resumed = load_safetensors(folder_ / "cut/checkpoints/000060.safetensors");
    ASSERT_EQ(resumed.tensors.size(), whole.tensors.size());
    for (const auto& [name, tensor] : whole.tensors) EXPECT_TRUE(tensor.equal(resumed.at(name, "c"))) << name;
  }
}

// A student of half the width starts from its teacher's channels: its first losses are below those of one that starts
// from random weights.
TEST_F(DiffusionRun, AStudentStartsFromItsTeacher) {
  ASSERT_EQ(start(recipe("train"), "teacher"), 0);
  const auto student = [&](const std::string& init) {
    Recipe made = recipe("compress",
                         "[guidance]\nlambda = 0\nstage1_kimg = 0.16\nstage2_kimg = 0.16\n[student]\nwidth = '1/2'\n"
                         "init = '" +
                             init + "'\n");
    made.guidance.teachers.at(0).file = (folder_ / "teacher/model.safetensors").string();
    const std::string out = "student-" + init;
    EXPECT_EQ(start(made, out), 0);
    const NetworkSet model = load_model(folder_ / (out + "/model.safetensors"));
    EXPECT_EQ(model.best<Denoiser>("denoiser")->shape().first_channels, 8);
    return losses(out).front();
  };
  EXPECT_LT(student("teacher"), student("random"));
}

TEST_F(DiffusionRun, BoostGoesOnFromItsTeacher) {
  ASSERT_EQ(start(recipe("train"), "teacher"), 0);
  Recipe made =
      recipe("boost", "[guidance]\nlambda = 0\nstage1_kimg = 0.16\nstage2_kimg = 0.16\n[student]\nwidth = '1'\n");
  made.guidance.teachers.at(0).file = (folder_ / "teacher/model.safetensors").string();
  made.run.from_teacher = true;
  ASSERT_EQ(start(made, "boosted"), 0);
  const NetworkSet model = load_model(folder_ / "boosted/model.safetensors");
  EXPECT_EQ(model.best<Denoiser>("denoiser")->shape().first_channels, 16);
  EXPECT_LT(losses("boosted").front(), losses("teacher").front());
}

// The same of EDM's architectures: the student of one is a network of the same kind.
TEST_F(DiffusionRun, StudentsOfEdmsArchitecturesStartFromTheirTeachers) {
  for (const char* architecture : {"ddpm++", "ncsn++"}) {
    architecture_ = architecture;
    ASSERT_EQ(start(recipe("train"), "teacher"), 0);
    EXPECT_LT(losses("teacher").back(), losses("teacher").front());
    const auto student = [&](const std::string& init) {
      Recipe made = recipe("compress",
                           "[guidance]\nlambda = 0\nstage1_kimg = 0.16\nstage2_kimg = 0.16\n[student]\nwidth = '1/2'\n"
                           "init = '" +
                               init + "'\n");
      made.guidance.teachers.at(0).file = (folder_ / "teacher/model.safetensors").string();
      EXPECT_EQ(start(made, "student"), 0);
      const auto denoiser = load_model(folder_ / "student/model.safetensors").best<Denoiser>("denoiser");
      EXPECT_EQ(denoiser->architecture(), architecture);
      EXPECT_EQ(denoiser->shape().first_channels, 8);
      return losses("student").front();
    };
    EXPECT_LT(student("teacher"), student("random")) << architecture;
  }
}

// A finished model is measured by other solvers than its own, and by what it makes of noisy images.
TEST_F(DiffusionRun, IsMeasuredByCallsAndNoiseLevels) {
  ClassifierShape shape{"fd_gray", 8, 1, 4, 2};
  save_classifier(folder_ / "features.safetensors", Classifier(shape), 1);
  Recipe made = recipe("train", "[evaluation]\nsamples = 16\nfinal_samples = 16\n");
  made.run.features = (folder_ / "features.safetensors").string();
  ASSERT_EQ(start(made, "run"), 0);
  const auto model = nlohmann::json::parse(read_file(folder_ / "run/summary.json")).at("model");
  ASSERT_EQ(model.at("fd_by_calls").size(), 8u);
  EXPECT_EQ(model["fd_by_calls"][0]["calls"], 1);
  EXPECT_EQ(model["fd_by_calls"][7]["calls"], 35);
  // The model's own solver is among them, here over as many images.
  EXPECT_DOUBLE_EQ(model["fd_by_calls"][1]["fd"].get<double>(), model["fd"].get<double>());
  ASSERT_EQ(model.at("denoising_loss").size(), 10u);
  EXPECT_NEAR(model.at("noise_levels")[0].get<double>(), std::exp(-1.2 - 1.2 * 1.644854), 1e-6);
  for (const auto& loss : model["denoising_loss"]) EXPECT_GT(loss.get<double>(), 0);
  const std::string page = read_file(folder_ / "run/report.html");
  EXPECT_NE(page.find("by calls of the network"), std::string::npos);
}

// A discriminator of the model's own learns its samples, from the middle of the run on.
TEST_F(DiffusionRun, ADiscriminatorOfItsOwn) {
  for (const char* architecture : {"stylegan2", "patch"}) {
    const std::string out = std::string("own-") + architecture;
    ASSERT_EQ(start(recipe("train", with_discriminator(architecture)), out), 0);
    const RunLog log = read_run_log(folder_ / (out + "/log.jsonl"));
    EXPECT_EQ(log.losses.at("g_main").size(), 3u);
    for (const char* loss : {"d_main", "d_reg", "g_adversarial"}) {
      ASSERT_TRUE(log.losses.contains(loss)) << loss;
      EXPECT_LT(log.losses.at(loss).size(), 3u) << loss;  // not in the first part
    }
    const NetworkSet model = load_model(folder_ / (out + "/model.safetensors"));
    EXPECT_EQ(model.discriminator()->resolution(), 8);
    EXPECT_EQ(family_of(model, "m").name(), "diffusion");
  }
}

// Teachers judge samples of the student's own, or the images that it denoises; cut and resumed, a run gives the same
// bits.
TEST_F(DiffusionRun, TeachersJudgeSamplesOrDenoisedImages) {
  ASSERT_EQ(start(recipe("train", with_discriminator("stylegan2")), "teacher"), 0);
  const std::string samples = "lambda = 0.1\n", denoised = "judged = 'denoised'\n";
  const std::pair<const char*, std::string> ways[] = {
      {"uniform", samples + "weight = 'below_real'\nsteps = 3\nshare = 1.0\n"},
      {"balanced", samples + "weight = 'last_layer'\n"},
      {"lazy", samples + "interval = 2\n"},
      {"denoised", denoised + "lambda = 0.1\nweight = 'last_layer'\n"},
      {"pair", denoised + "lambda = 0\npair = 0.5\npair_weight = 'last_layer'\n"}};
  for (const auto& [out, keys] : ways) {
    ASSERT_EQ(start(student(keys), out), 0) << out;
    const RunLog log = read_run_log(folder_ / out / "log.jsonl");
    EXPECT_FALSE(log.losses.at("g_guidance").empty()) << out;
  }
  const auto whole = load_safetensors(folder_ / "balanced/checkpoints/000040.safetensors");
  fs::remove(folder_ / "balanced/checkpoints/000040.safetensors");
  fs::remove(folder_ / "balanced/checkpoints/stage2.safetensors");
  fs::remove(folder_ / "balanced/summary.json");
  ASSERT_EQ(resume_run(folder_ / "balanced", "auto", /*quiet=*/true), 0);
  const auto resumed = load_safetensors(folder_ / "balanced/checkpoints/000040.safetensors");
  for (const auto& [name, tensor] : whole.tensors) EXPECT_TRUE(tensor.equal(resumed.at(name, "c"))) << name;
}

TEST_F(DiffusionRun, WhatTeachersCannotJudgeIsRefusedBeforeTraining) {
  ASSERT_EQ(start(recipe("train", with_discriminator("stylegan2")), "teacher"), 0);
  expect_error([&] { start(student("lambda = 0.1\nweight = 'gradient'\n"), "n"); },
               {"guidance.weight = \"gradient\"", "last_layer"});
  expect_error([&] { start(student("lambda = 0\npair = 1\n"), "n"); }, {"guidance.pair", "diffusion"});
  expect_error([&] { student("judged = 'noisy'\n"); }, {"guidance.judged", "noisy", "samples"});
  expect_error([&] { student("steps = 0\n"); }, {"guidance.steps", "0"});
  EXPECT_FALSE(fs::exists(folder_ / "n"));
}

}  // namespace
}  // namespace dgl::test
