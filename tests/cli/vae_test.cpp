#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "cli/teacher_of_squares.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "hashed_lpips.h"

namespace dgl::test {
namespace {

/// An autoencoder of squares beside a StyleGAN2 of them.
class VaeProgram : public WithTeacherOfSquares<VaeProgram> {
 public:
  static constexpr const char* kTables = R"(
[training]
batch = 8
kimg = 0.032
checkpoint_kimg = 0.032
[evaluation]
features = "features.safetensors"
samples = 32
final_samples = 32
)";

 protected:
  static void SetUpTestSuite() {
    WithTeacherOfSquares::SetUpTestSuite();
    folder_->put("v.toml",
                 "family = 'vae'\n[network]\nresolution = 32\nimg_channels = 1\nchannels = 16\nmultiples = '1,1,2'\n"
                 "blocks = 1\nz_channels = 2\nattention = '8'\n[training]\nbatch = 8\nkimg = 0.32\n"
                 "checkpoint_kimg = 0.08\nlr = 0.002\nkl_weight = 0.01\nema_kimg = 0.02\n"
                 "[discriminator]\narchitecture = 'patch'\nchannels = 8\nlayers = 2\nstart_kimg = 0.16\n"
                 "[guidance]\nstage1_kimg = 0.16\nstage2_kimg = 0.16\npair_weight = 'gradient'\nweight = 'gradient'\n"
                 "[evaluation]\nfeatures = 'features.safetensors'\ntest = 'test.dgldata'\nsamples = 20\n"
                 "final_samples = 20\n");
    expect_success(run({"prepare", "squares", "--size", "32", "--holdout", "4", "--out", "train.dgldata", "--out-test",
                        "test.dgldata"}));
    expect_success(run({"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "vae"}));
  }

  static void expect_refused(const Words& words, const Words& says) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 1) << outcome.err;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const auto& word : says)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err << "lacks " << word;
  }
  static Words compress(const std::string& teacher, const std::string& out, const Words& more = {}) {
    Words words{"compress", "--teacher", teacher, "--data", "train.dgldata", "--recipe", "v.toml",
                "--width",  "1/2",       "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static nlohmann::json last_line(const std::string& name) {
    const std::string log = read_file(at(name + "/log.jsonl"));
    return nlohmann::json::parse(log.substr(log.rfind('\n', log.size() - 2) + 1));
  }
};

TEST_F(VaeProgram, LearnsToReconstructWhatItHasNotSeen) {
  const auto summary = json_of("vae/summary.json");
  EXPECT_EQ(summary["metric_samples"], 10);  // all that were held out
  EXPECT_EQ(summary["data"]["count"], 30);
  EXPECT_GT(summary["model"]["psnr"].get<double>(), 10);
  EXPECT_GT(summary["model"]["prior_fd"].get<double>(), 0);
  EXPECT_EQ(summary["model"]["generator"]["params"], summary["model"]["encoder"]["params"].get<int64_t>() +
                                                         summary["model"]["decoder"]["params"].get<int64_t>());
  std::istringstream log(read_file(at("vae/log.jsonl")));
  std::string one, two;
  std::getline(log, one);
  std::getline(log, two);
  const auto first = nlohmann::json::parse(one), second = nlohmann::json::parse(two);
  EXPECT_LT(second["score"]["reconstruction"].get<double>(), first["score"]["reconstruction"].get<double>());
  // Its discriminator takes part from the middle of the run on.
  EXPECT_FALSE(first["loss"].contains("g_adversarial"));
  EXPECT_TRUE(last_line("vae")["loss"].contains("g_adversarial"));
}

// Judged by the discriminator of a GAN, which knows the same images, and by the autoencoder's own.
TEST_F(VaeProgram, StudentsOfBothKindsOfJudge) {
  const Words terms{"--lambda", "0.5", "--set", "guidance.pair=0.5", "--set", "student.init=random"};
  for (const char* teacher : {"teacher/model.safetensors", "vae/model.safetensors"}) {
    const std::string out = std::string("half-") + teacher[0];
    expect_success(run(compress(teacher, out, terms)));
    const auto line = last_line(out);
    for (const char* loss : {"g_main", "g_pair", "g_guidance", "d_main"})
      EXPECT_TRUE(line["loss"].contains(loss)) << loss;
    EXPECT_TRUE(line["score"].contains("teacher_fake"));
    const auto summary = json_of(out + "/summary.json");
    EXPECT_LT(2 * summary["student"]["generator"]["params"].get<int64_t>(),
              json_of("vae/summary.json")["model"]["generator"]["params"].get<int64_t>());
  }
  const auto summary = json_of("half-v/summary.json");
  EXPECT_GT(summary["teacher"]["psnr"].get<double>(), 10);
  // All discriminators are asked how well they tell real images from the student's.
  const Words held_out{"--lambda", "0.5",
                       "--set",    "evaluation.held_out_judge=teacher/model.safetensors",
                       "--set",    "guidance.weight=below_real",
                       "--set",    "guidance.pair_weight=last_layer",
                       "--set",    "training.clip=1"};
  const Outcome judged = run(compress("vae/model.safetensors", "judged", held_out));
  expect_success(judged);
  EXPECT_NE((judged.out + judged.err).find("AUC of real images and the student's: teacher"), std::string::npos);
  for (const char* key : {"judges_start", "judges_end"}) {
    const auto judges = json_of("judged/summary.json")["stages"][1][key];
    ASSERT_EQ(judges.size(), 3u) << key;
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(judges[i]["name"], (Words{"teacher", "own", "held-out"})[i]);
      EXPECT_GE(judges[i]["auc"].get<double>(), 0);
      EXPECT_LE(judges[i]["auc"].get<double>(), 1);
      EXPECT_LE(judges[i]["fake"][0].get<double>(), judges[i]["fake"][1].get<double>());
    }
  }
  EXPECT_FALSE(json_of("judged/summary.json")["stages"][0].contains("judges_start"));
  expect_refused(compress("vae/model.safetensors", "n", {"--set", "evaluation.held_out_judge=features.safetensors"}),
                 {"features.safetensors"});
  // By default a student starts from its teacher where that fits, and is kept near its originals.
  expect_success(run(compress("vae/model.safetensors", "inherited")));
  const std::string recipe = read_file(at("inherited/recipe.toml"));
  for (const char* line : {"init = 'teacher'", "pair = 0.5", "pair_weight = 'gradient:0.99,1e4'", "lambda = 0.0"}) {
    EXPECT_NE(recipe.find(line), std::string::npos) << line;
  }
}

// Latents stay what they were: the encoder is the teacher's, at its width.
TEST_F(VaeProgram, AStudentOfTheDecoderAlone) {
  const Words decoder{"--lambda", "0", "--set", "guidance.pair=0.5", "--set", "student.part=decoder"};
  expect_success(run(compress("vae/model.safetensors", "decoder", decoder)));
  const auto teacher = load_safetensors(at("vae/model.safetensors")),
             student = load_safetensors(at("decoder/model.safetensors"));
  for (const auto& [name, tensor] : teacher.with_prefix("encoder_ema.")) {
    EXPECT_TRUE(tensor.equal(student.at("encoder_ema." + name, "student"))) << name;
    EXPECT_TRUE(tensor.equal(student.at("encoder." + name, "student"))) << name;
  }
  EXPECT_LT(json_of("decoder/summary.json")["student"]["decoder"]["params"].get<int64_t>(),
            json_of("vae/summary.json")["model"]["decoder"]["params"].get<int64_t>() / 2);
  const auto refused = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(words, {"student.part", "encoder"});
    EXPECT_FALSE(fs::exists(at("n")));
  };
  refused(compress("vae/model.safetensors", "n", decoder), {"--set", "student.init=random"});
  refused(compress("teacher/model.safetensors", "n", decoder), {});
  refused({"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "n"}, {"--set", "student.part=decoder"});
}

// The student's latents become the teacher's, so that the teacher's decoder understands them.
TEST_F(VaeProgram, AStudentWithTheLatentsOfItsTeacher) {
  const Words words{"--lambda", "0", "--set", "guidance.latents=true", "--set", "student.init=random"};
  expect_success(run(compress("vae/model.safetensors", "latents", words)));
  const std::string log = read_file(at("latents/log.jsonl"));
  const auto first = nlohmann::json::parse(log.substr(0, log.find('\n')));
  EXPECT_EQ(first["stage"], 1);
  EXPECT_FALSE(first["score"].contains("kl"));
  EXPECT_LT(last_line("latents")["loss"]["g_latents"].get<double>(), first["loss"]["g_latents"].get<double>());
  const auto refused = [&](const std::string& teacher, const Words& more, const Words& says) {
    Words all = compress(teacher, "n", words);
    all.insert(all.end(), more.begin(), more.end());
    expect_refused(all, says);
    EXPECT_FALSE(fs::exists(at("n")));
  };
  refused("teacher/model.safetensors", {}, {"teacher/model.safetensors", "guidance.latents"});
  refused("vae/model.safetensors", {"--set", "network.z_channels=3"},
          {"vae/model.safetensors", "2 x 8 x 8", "3 x 8 x 8"});
  refused("vae/model.safetensors", {"--set", "student.part=decoder"}, {"guidance.latents", "student.part"});
  expect_refused(
      {"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "n", "--set", "guidance.latents=true"},
      {"guidance.latents", "teacher"});
}

// TAESD's shape: trained, and a teacher of a narrower one that starts from it; or the student of another architecture.
TEST_F(VaeProgram, BoostKeepsItsWidth) {
  const Words boost{"boost", "--teacher", "vae/model.safetensors", "--data", "train.dgldata", "--recipe", "v.toml"};
  const auto boosted = [&](const std::string& out, const Words& more) {
    Words words = boost;
    words.insert(words.end(), {"--out", out});
    words.insert(words.end(), more.begin(), more.end());
    expect_success(run(words));
    return json_of(out + "/summary.json");
  };
  for (const auto& summary : {boosted("boosted", {}), boosted("boosted-from", {"--from-teacher"})}) {
    EXPECT_EQ(summary["student"]["generator"]["params"], summary["teacher"]["generator"]["params"]);
  }
  EXPECT_TRUE(last_line("boosted-from")["loss"].contains("g_pair"));
  // It begins where the teacher is, not where random weights are.
  EXPECT_GT(json_of("boosted-from/summary.json")["student"]["psnr"].get<double>(),
            json_of("boosted-from/summary.json")["teacher"]["psnr"].get<double>() - 3);
}

TEST_F(VaeProgram, ATinyArchitecture) {
  // At the rate of the other runs some processors' rounding makes it diverge.
  const Words tiny{"--set", "network.architecture=tiny", "--set", "network.attention=", "--set", "training.lr=0.0005"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_success(run(with({"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "tiny"}, tiny)));
  EXPECT_EQ(last_line("tiny")["score"]["kl"], 0);
  const auto summary = json_of("tiny/summary.json");
  EXPECT_GT(summary["model"]["psnr"].get<double>(), 10);
  expect_success(run(with(compress("tiny/model.safetensors", "tiny-half"), tiny)));
  EXPECT_NE(read_file(at("tiny-half/recipe.toml")).find("init = 'teacher'"), std::string::npos);
  EXPECT_LT(2 * json_of("tiny-half/summary.json")["student"]["generator"]["params"].get<int64_t>(),
            summary["model"]["generator"]["params"].get<int64_t>());
  // One of another kind of networks starts from random weights, which has to be said.
  const Words latents{"--lambda", "0.5", "--set", "guidance.latents=true", "--set", "guidance.latents_scale=0.5"};
  const Words of_kl = with(compress("vae/model.safetensors", "tiny-of-kl", latents), tiny);
  expect_refused(of_kl, {"network.architecture = 'tiny' where it has 'kl'", "student.init = \"random\""});
  expect_success(run(with(of_kl, {"--set", "student.init=random"})));
  for (const char* loss : {"g_guidance", "g_latents"})
    EXPECT_TRUE(last_line("tiny-of-kl")["loss"].contains(loss)) << loss;
  expect_refused(
      {"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "n", "--set", "network.architecture=tiny"},
      {"network.attention", "tiny"});
}

TEST_F(VaeProgram, CutAndResumedGivesTheSameBits) {
  const Words terms{"--lambda", "0.5", "--set", "guidance.pair=0.5"};
  expect_success(run(compress("teacher/model.safetensors", "whole", terms)));
  const Program dgl(*folder_);
  Words words = compress("teacher/model.safetensors", "cut", terms);
  for (const int after : {1, 3}) {
    const pid_t child = dgl.start(words);
    const auto ticks = [&] {
      const std::string log = fs::exists(at("cut/log.jsonl")) ? read_file(at("cut/log.jsonl")) : "";
      return std::count(log.begin(), log.end(), '\n');
    };
    for (int i = 0; i < 30000 && ticks() < after; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ::kill(child, SIGKILL);
    dgl.wait(child);
    words = {"resume", "cut"};
  }
  expect_success(run(words));
  EXPECT_EQ(read_file(at("cut/model.safetensors")), read_file(at("whole/model.safetensors")));
}

TEST_F(VaeProgram, ReconstructsFoldersAndTensors) {
  expect_success(run({"sample", "--model", "teacher/model.safetensors", "-n", "3", "--out", "pictures"}));
  expect_success(run({"reconstruct", "--model", "vae/model.safetensors", "--images", "pictures", "--out", "made"}));
  EXPECT_TRUE(fs::is_regular_file(at("made/000002.png")));
  // Sides of any multiple of what the levels divide by.
  const auto images = torch::rand({2, 1, 24, 40}) * 2 - 1;
  save_safetensors(at("x.safetensors"), {{{"images", images}}, {}});
  const Words words{"reconstruct", "--model", "vae/model.safetensors", "--images"};
  const auto with = [&](const Words& more) {
    Words all = words;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_success(run(with({"x.safetensors", "--out", "y.safetensors"})));
  const auto made = load_safetensors(at("y.safetensors")).at("images", "y");
  ASSERT_EQ(made.sizes(), images.sizes());
  // The networks one by one.
  expect_success(run({"apply", "--model", "vae/model.safetensors", "--network", "encoder", "--inputs", "x.safetensors",
                      "--out", "m.safetensors"}));
  const auto moments = load_safetensors(at("m.safetensors")).at("moments", "m");
  ASSERT_EQ(moments.sizes(), (std::vector<int64_t>{2, 4, 6, 10}));
  save_safetensors(at("z.safetensors"), {{{"z", moments.chunk(2, 1)[0].contiguous()}}, {}});
  expect_success(run({"apply", "--model", "vae/model.safetensors", "--network", "decoder", "--inputs", "z.safetensors",
                      "--out", "i.safetensors"}));
  EXPECT_TRUE(load_safetensors(at("i.safetensors")).at("images", "i").equal(made));
  save_safetensors(at("latents.safetensors"), {{{"z", torch::randn({2, 8})}}, {}});
  expect_success(run({"apply", "--model", "teacher/model.safetensors", "--network", "generator", "--inputs",
                      "latents.safetensors", "--out", "g.safetensors"}));
  expect_success(run({"sample", "--model", "teacher/model.safetensors", "--latents", "latents.safetensors", "--out",
                      "s.safetensors"}));
  EXPECT_TRUE(load_safetensors(at("g.safetensors"))
                  .at("images", "g")
                  .equal(load_safetensors(at("s.safetensors")).at("images", "s")));

  save_safetensors(at("odd.safetensors"), {{{"images", torch::zeros({1, 1, 30, 32})}}, {}});
  expect_refused(with({"odd.safetensors", "--out", "n.safetensors"}), {"odd.safetensors", "32 x 30", "multiples of 4"});
  expect_refused({"apply", "--model", "vae/model.safetensors", "--network", "encoder", "--inputs", "odd.safetensors",
                  "--out", "n.safetensors"},
                 {"odd.safetensors", "images", "multiples of 4"});
  expect_refused({"apply", "--model", "vae/model.safetensors", "--network", "decoder", "--inputs", "x.safetensors",
                  "--out", "n.safetensors"},
                 {"x.safetensors", "no tensor z", "any, 2, any, any"});
  expect_refused({"apply", "--model", "vae/model.safetensors", "--network", "denoiser", "--inputs", "x.safetensors",
                  "--out", "n.safetensors"},
                 {"vae/model.safetensors", "denoiser", "encoder"});
  expect_refused({"reconstruct", "--model", "teacher/model.safetensors", "--images", "pictures", "--out", "n"},
                 {"teacher/model.safetensors", "stylegan2", "vae"});
  EXPECT_FALSE(fs::exists(at("n.safetensors")));
}

TEST_F(VaeProgram, MeasuresReconstructionsAndThePrior) {
  const Outcome outcome = run({"eval", "--model", "vae/model.safetensors", "--data", "test.dgldata", "--features",
                               "features.safetensors", "--linear", "train.dgldata", "--json"});
  expect_success(outcome);
  const auto numbers = nlohmann::json::parse(outcome.out);
  for (const char* key : {"fd_squares", "prior_fd_squares", "psnr", "ssim", "linear_accuracy"})
    EXPECT_TRUE(numbers.contains(key)) << key;
  EXPECT_EQ(numbers["samples"], 10);
  const auto summary = json_of("vae/summary.json");
  EXPECT_NEAR(numbers["psnr"].get<double>(), summary["model"]["psnr"].get<double>(), 1e-9);
  EXPECT_NEAR(numbers["fd_squares"].get<double>(), summary["model"]["fd"].get<double>(), 1e-6);
}

TEST_F(VaeProgram, AJudgeIsNeeded) {
  // An autoencoder without a discriminator teaches nothing but its weights.
  folder_->put("bare.toml", read_file(at("v.toml")) + "\n");
  expect_success(run({"train", "--recipe", "bare.toml", "--data", "train.dgldata", "--out", "bare", "--set",
                      "discriminator.architecture=none", "--set", "training.kimg=0.08"}));
  const Outcome outcome =
      run(compress("bare/model.safetensors", "alone", {"--set", "discriminator.architecture=none"}));
  expect_success(outcome);
  EXPECT_NE((outcome.out + outcome.err).find("the teacher has no discriminator"), std::string::npos);
  expect_refused(compress("bare/model.safetensors", "n", {"--lambda", "0.5"}),
                 {"bare/model.safetensors", "no discriminator"});
  expect_refused(compress("bare/model.safetensors", "n", {"--set", "guidance.pair=1"}),
                 {"bare/model.safetensors", "no discriminator"});
  expect_refused(compress("vae/model.safetensors", "n", {"--set", "guidance.pair_weight=score"}),
                 {"guidance.pair_weight", "score", "gradient"});
  EXPECT_FALSE(fs::exists(at("n")));
}

// A discriminator for a teacher that has none: trained beside its networks as they are, then a judge like others.
TEST_F(VaeProgram, ADiscriminatorIsTrainedForATeacherWithoutOne) {
  expect_success(run({"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "mute", "--set",
                      "discriminator.architecture=none", "--set", "training.kimg=0.08"}));
  const Words part{"--set", "student.part=discriminator", "--lambda", "0", "--set", "discriminator.start_kimg=0"};
  const auto with = [&](const Words& more) {
    Words all = compress("mute/model.safetensors", "judge", part);
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  expect_refused(with({"--set", "student.init=random"}), {"student.init", "encoder", "student.part"});
  expect_refused(with({"--set", "discriminator.architecture=none"}), {"student.part", "discriminator.architecture"});
  expect_refused(with({"--set", "discriminator.start_kimg=0.5"}), {"discriminator.start_kimg = 0.5", "student.part"});
  EXPECT_FALSE(fs::exists(at("judge")));
  expect_success(run(with({"--set", "student.init=teacher"})));
  const auto teacher = load_safetensors(at("mute/model.safetensors")),
             judge = load_safetensors(at("judge/model.safetensors"));
  for (const char* average : {"encoder_ema.", "decoder_ema."}) {
    for (const auto& [name, tensor] : teacher.with_prefix(average))
      EXPECT_TRUE(tensor.equal(judge.at(average + name, "judge"))) << average << name;
  }
  EXPECT_FALSE(judge.with_prefix("discriminator.").empty());
  const auto summary = json_of("judge/summary.json");
  EXPECT_EQ(summary["result"]["kimg"], summary["stages"].back()["kimg_end"]);
  EXPECT_EQ(summary["stages"].back()["judges_end"][0]["name"], "own");
  expect_success(run(compress("judge/model.safetensors", "judged-by-it", {"--set", "guidance.pair=0.5"})));
  EXPECT_TRUE(last_line("judged-by-it")["loss"].contains("g_pair"));
}

TEST_F(VaeProgram, APerceptualDistanceIsLearnedAndMeasured) {
  save_safetensors(at("lpips.safetensors"), hashed_lpips("loss.perceptual_loss."));
  Words words{"train", "--recipe", "v.toml", "--data", "train.dgldata", "--out", "perceptual", "--set", ""};
  for (const char* set : {"training.perceptual=lpips.safetensors", "training.perceptual_weight=0.5",
                          "evaluation.lpips=lpips.safetensors", "training.kimg=0.16"}) {
    words.back() = set;
    words.push_back("--set");
    words.emplace_back();
  }
  words.resize(words.size() - 2);
  expect_success(run(words));
  EXPECT_GT(last_line("perceptual")["loss"]["g_perceptual"].get<double>(), 0);
  const auto summary = json_of("perceptual/summary.json");
  const Words eval{"eval",         "--model",          "perceptual/model.safetensors", "--data",
                   "test.dgldata", "--features",       "features.safetensors",         "--json",
                   "--lpips",      "lpips.safetensors"};
  const Outcome outcome = run(eval);
  expect_success(outcome);
  EXPECT_NEAR(nlohmann::json::parse(outcome.out)["lpips"].get<double>(), summary["model"]["lpips"].get<double>(), 1e-7);
  words.push_back("--overwrite");
  fs::remove(at("lpips.safetensors"));
  expect_refused(words, {"lpips.safetensors"});
}

}  // namespace
}  // namespace dgl::test
