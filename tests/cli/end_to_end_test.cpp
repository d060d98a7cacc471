#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/teacher_of_squares.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/ops/kernel_set.h"
#include "formats/make_checkpoint.h"
#include "metrics/hashed_inception.h"

namespace dgl::test {
namespace {

/// The program from data to a compressed model.
class EndToEnd : public WithTeacherOfSquares<EndToEnd> {
 public:
  static constexpr const char* kTables = R"(
[training]
batch = 8
kimg = 0.16
checkpoint_kimg = 0.032
r1_interval = 4
[guidance]
stage1_kimg = 0.08
stage2_kimg = 0.08
[evaluation]
features = "features.safetensors"
samples = 32
final_samples = 32
)";
};

TEST_F(EndToEnd, ARunLeavesWhatItPromises) {
  for (const char* name : {"recipe.toml", "log.jsonl", "model.safetensors", "summary.json", "report.html",
                           "samples/real.png", "samples/final.png"}) {
    EXPECT_TRUE(fs::is_regular_file(at("teacher") / name)) << name;
  }
  const auto summary = json_of("teacher/summary.json");
  EXPECT_EQ(summary["command"], "train");
  EXPECT_EQ(summary["metric"], "fd_squares");
  EXPECT_GT(summary["model"]["generator"]["params"].get<int64_t>(), 1000);
  EXPECT_GT(summary["result"]["fd"].get<double>(), 0);
}

TEST_F(EndToEnd, TheSameSeedGivesTheSameBitsAndAnotherDoesNot) {
  expect_success(run({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "again"}));
  EXPECT_EQ(read_file(at("again/model.safetensors")), read_file(at("teacher/model.safetensors")));
  expect_success(run({"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", "other", "--seed", "1"}));
  EXPECT_NE(read_file(at("other/model.safetensors")), read_file(at("teacher/model.safetensors")));
}

TEST_F(EndToEnd, CompressKilledAndResumedGivesTheSameBits) {
  const Words longer{"--stage1-kimg", "0.4", "--stage2-kimg", "0.4"};
  expect_success(run(compress("whole", longer)));
  const auto summary = json_of("whole/summary.json");
  ASSERT_EQ(summary["stages"].size(), 2u);
  EXPECT_EQ(summary["stages"][0]["name"], "distill");
  EXPECT_EQ(summary["stages"][1]["name"], "guided");
  EXPECT_EQ(summary["stages"][1]["lambda"], 0.0);  // by the distance to the teacher's images
  EXPECT_LT(summary["student"]["generator"]["params"].get<int64_t>(),
            summary["teacher"]["generator"]["params"].get<int64_t>());

  // Killed in both stages, whatever it is doing then, it still ends the same.
  const Program dgl(*folder_);
  const auto ticks = [&] {
    // A run that is resumed cuts its log back, perhaps while it is read here.
    std::ifstream log(at("killed/log.jsonl"));
    return std::count(std::istreambuf_iterator<char>(log), {}, '\n');
  };
  Words words = compress("killed", longer);
  for (const int after : {2, 9, 16}) {
    const pid_t child = dgl.start(words);
    for (int i = 0; i < 30000 && ticks() < after; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ::kill(child, SIGKILL);
    EXPECT_EQ(dgl.wait(child).status, 128 + SIGKILL) << "it ended before it was killed";
    words = {"resume", "killed"};
  }
  expect_success(run(words));
  EXPECT_EQ(read_file(at("killed/model.safetensors")), read_file(at("whole/model.safetensors")));

  // The log, too, but for its times.
  const auto log_of = [&](const std::string& name) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(read_file(at(name)));
    for (std::string line; std::getline(text, line);) {
      auto json = nlohmann::json::parse(line);
      json.erase("seconds");
      EXPECT_EQ(json.erase("cpu_seconds"), 1u) << line;
      json.erase("images_per_second");
      lines.push_back(json);
    }
    return lines;
  };
  EXPECT_EQ(log_of("killed/log.jsonl"), log_of("whole/log.jsonl"));
}

TEST_F(EndToEnd, EverythingThatIsOffByDefaultResumesToTheSameBits) {
  const Words all{"--stage1-kimg", "0.2",
                  "--stage2-kimg", "0.4",
                  "--lambda",      "0.5",
                  "--set",         "guidance.teacher_data=0.5",
                  "--set",         "guidance.duality_gap=0.1",
                  "--set",         "guidance.smooth_labels=true",
                  "--set",         "guidance.align=0.1",
                  "--set",         "guidance.train_teacher=true",
                  "--set",         "training.augment=color,translation,cutout",
                  "--set",         "training.ada_target=0.1",
                  "--set",         "training.ada_kimg=0.5",
                  "--set",         "guidance.interval=3"};
  expect_success(run(compress("all", all)));
  const std::string log = read_file(at("all/log.jsonl"));
  for (const char* name : {"d_duality", "d_align", "g_guidance", "teacher_d_main", "augment_p"}) {
    EXPECT_NE(log.find(name), std::string::npos) << name;
  }
  const Program dgl(*folder_);
  const pid_t child = dgl.start(compress("all_cut", all));
  const auto logged = [&] { return fs::exists(at("all_cut/log.jsonl")) ? fs::file_size(at("all_cut/log.jsonl")) : 0; };
  for (int i = 0; i < 30000 && logged() < log.size() / 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ::kill(child, SIGKILL);
  EXPECT_EQ(dgl.wait(child).status, 128 + SIGKILL) << "it ended before it was killed";
  expect_success(run({"resume", "all_cut"}));
  EXPECT_EQ(read_file(at("all_cut/model.safetensors")), read_file(at("all/model.safetensors")));
}

// All that a teacher knows at a time: its weights, its scores as a prior, its features, and what it goes on to learn.
TEST_F(EndToEnd, AStudentThatInheritsResumesToTheSameBits) {
  const Words all{"--stage1-kimg", "0.1",
                  "--stage2-kimg", "0.4",
                  "--set",         "student.init=teacher",
                  "--set",         "student.discriminator_init=teacher",
                  "--set",         "student.keep_channels=norm",
                  "--set",         "student.discriminator_freeze=1",
                  "--set",         "guidance.logit_prior=0.5",
                  "--set",         "guidance.pair=1",
                  "--set",         "guidance.pair_schedule=decay",
                  "--set",         "guidance.match=1",
                  "--set",         "guidance.match_distance=frechet",
                  "--set",         "guidance.train_teacher=true",
                  "--set",         "guidance.train_teacher_interval=2",
                  "--set",         "training.lr_schedule=decay:0.5",
                  "--set",         "training.lr_warmup_kimg=0.1"};
  expect_success(run(compress("heir", all)));
  const std::string log = read_file(at("heir/log.jsonl"));
  for (const char* name : {"g_pair", "g_match", "g_guidance", "teacher_d_main"}) {
    EXPECT_NE(log.find(name), std::string::npos) << name;
  }
  const Program dgl(*folder_);
  const pid_t child = dgl.start(compress("heir_cut", all));
  const auto logged = [&] {
    return fs::exists(at("heir_cut/log.jsonl")) ? fs::file_size(at("heir_cut/log.jsonl")) : 0;
  };
  for (int i = 0; i < 30000 && logged() < log.size() / 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(child, SIGKILL);
  EXPECT_EQ(dgl.wait(child).status, 128 + SIGKILL) << "it ended before it was killed";
  expect_success(run({"resume", "heir_cut"}));
  EXPECT_EQ(read_file(at("heir_cut/model.safetensors")), read_file(at("heir/model.safetensors")));
}

TEST_F(EndToEnd, AtFullWidthAStudentStartsAsItsTeacher) {
  Words words = compress("equal", {"--stage1-kimg", "0", "--stage2-kimg", "0.008", "--set", "training.lr=0", "--set",
                                   "student.init=teacher", "--set", "student.discriminator_init=teacher"});
  words[8] = "1";
  expect_success(run(words));
  const auto student = load_safetensors(at("equal/model.safetensors")),
             teacher = load_safetensors(at("teacher/model.safetensors"));
  for (const auto& [name, tensor] : teacher.tensors) {
    // The generator itself starts as the average, whose images are the teacher's best.
    if (name.starts_with("generator.")) continue;
    const bool mean = name.ends_with("w_avg");  // follows the latents of a step
    EXPECT_TRUE(mean || student.at(name, "student").equal(tensor)) << name;
  }
  // Half of it does not.
  words = compress("half", {"--stage1-kimg", "0", "--stage2-kimg", "0.008", "--set", "student.init=teacher"});
  expect_success(run(words));
  EXPECT_EQ(load_safetensors(at("half/model.safetensors")).at("generator_ema.synthesis.const", "half").size(0), 8);
}

TEST_F(EndToEnd, AnInterruptWritesACheckpointAndSaysSo) {
  const Program dgl(*folder_);
  for (const auto& [signal, status] : {std::pair{SIGINT, 130}, std::pair{SIGTERM, 143}}) {
    const std::string out = "interrupted" + std::to_string(status);
    const pid_t child = dgl.start(compress(out, {"--stage1-kimg", "1000", "--set", "training.checkpoint_kimg=1000"}));
    for (int i = 0; i < 300 && !fs::exists(at(out + "/checkpoints/000000.safetensors")); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::kill(child, signal);
    const Outcome outcome = dgl.wait(child);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    EXPECT_NE(outcome.err.find("dgl resume " + out), std::string::npos) << outcome.err;
    EXPECT_TRUE(fs::exists(at(out + "/checkpoints/interrupted.safetensors")));
  }
}

TEST_F(EndToEnd, ArmsShareAStage1) {
  expect_success(run(compress("arm0", {"--seed", "3"})));
  expect_success(run(compress("arm1", {"--seed", "3", "--from-stage1", "arm0"})));
  // The same guidance from the same state: the same student.
  const auto images = [&](const std::string& arm) {
    expect_success(run({"sample", "--model", arm + "/model.safetensors", "-n", "4", "--out", arm + ".safetensors"}));
    return load_safetensors(at(arm + ".safetensors")).at("images", arm);
  };
  EXPECT_EQ(json_of("arm0/summary.json")["stages"][1]["fd_end"], json_of("arm1/summary.json")["stages"][1]["fd_end"]);
  expect_success(run(compress("arm2", {"--seed", "3", "--from-stage1", "arm0", "--lambda", "1"})));
  EXPECT_NE(json_of("arm0/summary.json")["stages"][1]["fd_end"], json_of("arm2/summary.json")["stages"][1]["fd_end"]);
  // Teachers that are asked in every 1024th step are not in ten.
  expect_success(run(compress("arm3", {"--seed", "3", "--from-stage1", "arm0", "--set", "guidance.interval=1024"})));
  EXPECT_EQ(read_file(at("arm3/log.jsonl")).find("g_guidance"), std::string::npos);
  expect_success(run(compress("arm4", {"--seed", "3", "--from-stage1", "arm0", "--set", "guidance.interval=4"})));
  EXPECT_NE(read_file(at("arm4/log.jsonl")).find("g_guidance"), std::string::npos);
  EXPECT_EQ(images("arm1").sizes(), (std::vector<int64_t>{4, 1, 32, 32}));
}

TEST_F(EndToEnd, BoostFromTheTeacherKeepsItsWidth) {
  expect_success(run({"boost", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--recipe", "r.toml",
                      "--out", "boosted", "--from-teacher"}));
  const auto summary = json_of("boosted/summary.json");
  EXPECT_EQ(summary["student"]["generator"]["params"], summary["teacher"]["generator"]["params"]);
}

TEST_F(EndToEnd, ATeacherOfAnotherSizeGuidesToTheEnd) {
  const Words prepare{"prepare", "squares", "--size", "16", "--out", "d16.dgldata"};
  expect_success(run(prepare));
  expect_success(run({"train", "--recipe", "r.toml", "--data", "d16.dgldata", "--set", "network.resolution=16", "--set",
                      "evaluation.features=", "--out", "teacher16"}));
  Words words = compress("resized", {"--set", "guidance.resize=true"});
  words[2] = "teacher16/model.safetensors";
  expect_success(run(words));
  const auto summary = json_of("resized/summary.json");
  EXPECT_TRUE(summary["student"].contains("fd"));
  EXPECT_FALSE(summary["teacher"].contains("fd"));
  EXPECT_TRUE(fs::exists(at("resized/report.html")));
}

TEST_F(EndToEnd, WithoutARecipeTheTeachersIsTaken) {
  expect_success(run({"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--out", "bare",
                      "--set", "evaluation.features="}));
  EXPECT_FALSE(json_of("bare/summary.json").contains("metric"));
}

TEST_F(EndToEnd, SamplesAndScoresAreExact) {
  torch::manual_seed(0);
  save_safetensors(at("z.safetensors"), {{{"z", torch::randn({3, 8})}}, {}});
  const Words sample{"sample", "--model", "teacher/model.safetensors", "--latents", "z.safetensors", "--overwrite"};
  const auto with = [](Words words, const Words& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  expect_success(run(with(sample, {"--out", "x.safetensors"})));
  expect_success(run(with(sample, {"--out", "y.safetensors", "--batch", "2"})));
  const auto x = load_safetensors(at("x.safetensors")).at("images", "x");
  EXPECT_EQ(x.sizes(), (std::vector<int64_t>{3, 1, 32, 32}));
  EXPECT_LT((x - load_safetensors(at("y.safetensors")).at("images", "y")).abs().max().item<double>(), 1e-5);
  expect_success(run(with(sample, {"--out", "h.safetensors", "--precision", "bf16"})));
  const auto half = load_safetensors(at("h.safetensors")).at("images", "h");
  EXPECT_LT((x - half).norm().item<double>(), 0.03 * x.norm().item<double>());
  EXPECT_FALSE(x.equal(half));
  expect_success(
      run({"score", "--model", "teacher/model.safetensors", "--images", "x.safetensors", "--out", "s.safetensors"}));
  EXPECT_EQ(load_safetensors(at("s.safetensors")).at("scores", "s").sizes(), (std::vector<int64_t>{3}));
  expect_success(run(with(sample, {"--out", "grid.png"})));
  expect_success(run(with(sample, {"--out", "pictures"})));
  EXPECT_TRUE(fs::exists(at("pictures/000002.png")));
}

// Four steps with all regularizers, on the same random numbers.
TEST_F(EndToEnd, PlainOperationsAndBfloat16TrainAlike) {
  std::string said;
  const auto losses = [&](const std::string& out, const Words& sets, const std::string& width = "32") {
    Words words{"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", out, "--overwrite"};
    words.insert(words.end(), {"--set", "network.channel_max=" + width});
    for (const char* set : {"network.channel_base=2048", "training.kimg=0.032", "training.shards=1"}) {
      words.insert(words.end(), {"--set", set});
    }
    for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
    const Outcome outcome = run(words);
    expect_success(outcome);
    said = outcome.out + outcome.err;
    const std::string log = read_file(at(out + "/log.jsonl"));
    return nlohmann::json::parse(log.substr(0, log.find('\n')))["loss"];
  };
  const auto fast = losses("fast", {}), plain = losses("plain", {"ops.reference=true"}),
             half = losses("bf16", {"training.precision=bf16"});
  EXPECT_EQ(said.find("training.cpu"), std::string::npos) << said;
  const auto products = losses("products", {"training.precision=bf16", "training.cpu=fast"});
  EXPECT_EQ(said.find("training.cpu") == std::string::npos, ops::kernels_multiply_bfloat16()) << said;
  // A matrix unit (ops/amx.h) computes convolutions of 32 channels in either case, but not those of 48.
  EXPECT_EQ(losses("products", {"training.precision=bf16", "training.cpu=fast"}, "48") !=
                losses("bf16", {"training.precision=bf16"}, "48"),
            ops::kernels_multiply_bfloat16());
  for (const char* name : {"g_main", "g_reg", "d_main", "d_reg"}) {
    const double expected = plain[name].get<double>();
    // Adam's first step follows the sign of every gradient, also of those that are rounding alone.
    EXPECT_NEAR(fast[name].get<double>(), expected, 2e-3 * std::abs(expected)) << name;
    EXPECT_NEAR(half[name].get<double>(), expected, 0.1 * std::abs(expected)) << name;
    EXPECT_NEAR(products[name].get<double>(), expected, 0.1 * std::abs(expected)) << name;
  }
  EXPECT_EQ(losses("float32", {"training.cpu=fast"}), fast);
  EXPECT_NE(said.find("training.cpu = \"fast\" changes nothing unless training.precision is \"bf16\""),
            std::string::npos)
      << said;
}

TEST_F(EndToEnd, EvalProfileAndBenchGiveJson) {
  const auto json = [&](const Words& words) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return nlohmann::json::parse(outcome.out);
  };
  const auto eval = json({"eval", "--model", "teacher/model.safetensors", "--data", "d.dgldata", "--features",
                          "features.safetensors", "--samples", "40", "--json"});
  EXPECT_GT(eval["fd_squares"].get<double>(), 0);
  EXPECT_FALSE(eval.contains("fid"));
  EXPECT_EQ(eval["statistics_cached"], true) << "by the run that trained the model";
  const auto all = json({"eval", "--model", "teacher/model.safetensors", "--data", "d.dgldata", "--features",
                         "features.safetensors", "--samples", "40", "--metrics", "fid,kid,is,pr", "--kid-subsets", "3",
                         "--kid-subset-size", "20", "--is-splits", "2", "--json"});
  EXPECT_EQ(all["statistics_cached"], true);
  EXPECT_EQ(all["fd_squares"], eval["fd_squares"]);
  for (const char* key : {"fd_squares_kid_mean", "fd_squares_kid_std", "fd_squares_precision", "fd_squares_recall",
                          "fd_squares_is_mean", "fd_squares_is_std"}) {
    EXPECT_TRUE(all[key].is_number()) << key;
  }
  EXPECT_FALSE(
      json({"profile", "--model", "teacher/model.safetensors", "--no-latency", "--json"})["discriminator"].contains(
          "latency_ms"));
  const auto profile = json({"profile", "--model", "teacher/model.safetensors", "--json"});
  EXPECT_GT(profile["generator"]["latency_ms"]["1"].get<double>(), 0);
  EXPECT_EQ(profile["generator"]["params"], json({"profile", "--recipe", "r.toml", "--json"})["generator"]["params"]);
  const auto bench = json({"bench", "--recipe", "r.toml", "--guided", "--set", "guidance.interval=2", "--json"});
  for (const char* key : {"d_main", "d_reg", "g_main", "g_reg", "step", "images_per_second"}) {
    EXPECT_GT(bench[key].get<double>(), 0) << key;
  }
}

TEST_F(EndToEnd, EvalWithInceptionsWeightsGivesFid) {
  save_safetensors(at("inception.safetensors"), hashed_inception());
  const Words eval{"eval",
                   "--model",
                   "teacher/model.safetensors",
                   "--data",
                   "d.dgldata",
                   "--features",
                   "inception.safetensors",
                   "--samples",
                   "8",
                   "--metrics",
                   "fid,is",
                   "--is-splits",
                   "2",
                   "--json"};
  const Outcome first = run(eval), second = run(eval);
  expect_success(first);
  const auto numbers = nlohmann::json::parse(first.out), again = nlohmann::json::parse(second.out);
  EXPECT_GT(numbers["fid"].get<double>(), 0);
  EXPECT_GE(numbers["is_mean"].get<double>(), 1);
  EXPECT_EQ(again["statistics_cached"], true);
  EXPECT_EQ(again["fid"], numbers["fid"]);
  // The weights as they are handed round, a .pth of torch.save.
  folder_->put("inception.pth", make_state_dict(hashed_inception()));
  Words with_pth = eval;
  std::replace(with_pth.begin(), with_pth.end(), std::string("inception.safetensors"), std::string("inception.pth"));
  const Outcome pth = run(with_pth);
  expect_success(pth);
  EXPECT_EQ(nlohmann::json::parse(pth.out)["fid"], numbers["fid"]);
  EXPECT_EQ(nlohmann::json::parse(pth.out)["is_mean"], numbers["is_mean"]);
  const Outcome memory = run({"eval", "--model", "teacher/model.safetensors", "--data", "d.dgldata", "--features",
                              "inception.safetensors", "--metrics", "pr", "--memory", "0.1"});
  EXPECT_EQ(memory.status, 1);
  EXPECT_NE(memory.err.find("more than --memory 0.10"), std::string::npos) << memory.err;
}

TEST_F(EndToEnd, DivergenceIsNamedOrGoneBackFrom) {
  const Words train{"train",      "--recipe", "r.toml", "--data", "d.dgldata", "--set", "training.loss_limit=1",
                    "--overwrite"};
  Words error = train, restore = train;
  error.insert(error.end(), {"--out", "diverged"});
  restore.insert(restore.end(), {"--out", "restored", "--set", "training.on_divergence=restore"});
  const Outcome ended = run(error);
  EXPECT_EQ(ended.status, 1);
  EXPECT_NE(ended.err.find("diverged: loss "), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("at step 0"), std::string::npos) << ended.err;
  EXPECT_TRUE(fs::exists(at("diverged/checkpoints/000000.safetensors")));
  const Outcome gone_back = run(restore);
  EXPECT_EQ(gone_back.status, 1);
  EXPECT_NE(gone_back.err.find("going back"), std::string::npos) << gone_back.err;
  EXPECT_NE(gone_back.err.find("diverged 4 times"), std::string::npos) << gone_back.err;
}

}  // namespace
}  // namespace dgl::test
