#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/teacher_of_squares.h"

namespace dgl::test {
namespace {

using Words = std::vector<std::string>;

const char* const kTables = R"(
[training]
batch = 8
kimg = 0.08
checkpoint_kimg = 0.04
pl_weight = 0
[evaluation]
features = "features.safetensors"
samples = 16
final_samples = 16
)";

const char* const kStudy = R"(
title = "Squares"
recipe = "r.toml"
teacher = "teacher/model.safetensors"
data = "d.dgldata"
seeds = 2
set = ["guidance.stage1_kimg=0.08", "guidance.stage2_kimg=0.16"]
[[arms]]
name = "alone"
set = ["guidance.lambda=0"]
[[arms]]
name = "ramp"
set = ["guidance.lambda=1", "guidance.schedule=linear:0.5", "guidance.weight=gradient"]
)";

/// A study of four arms' runs that share two stages 1, on a set of squares.
class StudyCommand : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    make_teacher_of_squares(*folder_, kTables);
    folder_->put("s.toml", kStudy);
    const Outcome whole = run({"study", "s.toml", "--out", "whole", "--jobs", "2"});
    ASSERT_EQ(whole.status, 0) << whole.err;
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static fs::path at(const std::string& name) { return *folder_ / name; }
  static Outcome run(const Words& words) { return Program(*folder_)(words); }
  static nlohmann::json json_of(const std::string& name) { return nlohmann::json::parse(read_file(at(name))); }
  /// A study's results.json without the times and what follows from them, which no two runs share.
  static nlohmann::json results_of(const std::string& out) {
    nlohmann::json results = json_of(out + "/results.json");
    results.erase("budgets");
    for (auto& arm : results["arms"]) {
      for (const char* key : {"time", "seconds", "fd_at_budget", "ratio_at_budget", "seconds_to_teacher",
                              "seconds_to_control", "seconds_to_control_ratio", "curve_seconds"}) {
        arm.erase(key);
      }
      for (auto& run : arm["runs"]) {
        for (const char* key : {"seconds_per_kimg", "cpu_seconds_per_kimg", "evaluations"}) {
          EXPECT_EQ(run.erase(key), 1u) << run;
        }
        for (const char* key : {"fd_at_budget", "seconds_to_teacher", "seconds_to_control", "threads"}) run.erase(key);
      }
    }
    return results;
  }

  static TemporaryFolder* folder_;
};

TemporaryFolder* StudyCommand::folder_ = nullptr;

TEST_F(StudyCommand, ComparesArmsOverSeeds) {
  const auto results = json_of("whole/results.json");
  ASSERT_EQ(results["arms"].size(), 2u);
  EXPECT_EQ(results["metric"], "fd_squares");
  for (const auto& arm : results["arms"]) {
    EXPECT_EQ(arm["fd"]["count"], 2);
    EXPECT_GT(arm["fd"]["mean"].get<double>(), 0);
    EXPECT_EQ(arm["curve"].size(), 6u);  // two ticks of stage 1, four of stage 2
    EXPECT_EQ(arm["curve"].back()[0], 0.24);
    EXPECT_EQ(arm["curve"].back()[4], 2);
  }
  EXPECT_EQ(results["arms"][1]["difference"]["count"], 2);
  EXPECT_NE(results["arms"][1]["difference"]["mean"], 0);
  EXPECT_NE(read_file(at("whole/report.html")).find("<h1>Squares</h1>"), std::string::npos);
  const Outcome list = run({"study", "s.toml", "--out", "whole", "--list"});
  EXPECT_NE(list.out.find("6 of 6 runs done"), std::string::npos) << list.out;
}

TEST_F(StudyCommand, ComparesByTheClockAndByAnotherJudge) {
  // Another network of the same images, which the runs have not seen.
  const Outcome trained = run({"train", "--recipe", "f.toml", "--data", "d.dgldata", "--out", "judge", "--seed", "5",
                               "--set", "network.distance=fd_other"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  std::string text = std::string("equal = \"seconds\"\n") + kStudy;
  text.replace(text.find("set = ["), 7, "set = [\"evaluation.judge_features=judge/model.safetensors\", ");
  text.replace(text.find("\"guidance.lambda=1\""), 19, "\"guidance.lambda=1\", \"guidance.stage2_kimg=0.2\"");
  folder_->put("clock.toml", text);
  const Outcome outcome = run({"study", "clock.toml", "--out", "clock", "--jobs", "2"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const auto results = json_of("clock/results.json");
  EXPECT_EQ(results["clock"], "processor");
  EXPECT_EQ(results["judge_metric"], "fd_other");
  EXPECT_EQ(results["budgets"].size(), 2u);
  EXPECT_GT(results["teacher"]["judge_fd"].get<double>(), 0);
  const auto &alone = results["arms"][0], &ramp = results["arms"][1];
  EXPECT_EQ(alone["curve_seconds"].size(), 6u);
  EXPECT_EQ(ramp["curve_seconds"].size(), 7u);
  EXPECT_EQ(ramp["ratio_at_budget"]["count"], 2);
  EXPECT_EQ(ramp["judge_ratio"]["count"], 2);
  for (const auto& arm : {alone, ramp}) {
    for (const auto& one : arm["runs"]) {
      EXPECT_GT(one["judge_fd"].get<double>(), 0);
      EXPECT_NE(one["judge_fd"], one["fd"]);
      for (const char* key : {"precision", "recall"}) {
        EXPECT_GE(one[key].get<double>(), 0);
        EXPECT_LE(one[key].get<double>(), 1);
      }
      EXPECT_TRUE(one.contains("kid_mean"));
      const auto& last = one["evaluations"].back();
      // Training on one thread: what the processor did is not more than what passed, to a thread that reads ahead.
      EXPECT_GT(last[3].get<double>(), 0);
      EXPECT_LT(last[3].get<double>(), 2 * last[2].get<double>());
    }
  }
  const auto summary = json_of("clock/arms/ramp/seed0/summary.json");
  EXPECT_EQ(summary["judge_metric"], "fd_other");
  EXPECT_GT(summary["cpu_seconds"].get<double>(), summary["stages"][1]["cpu_seconds"].get<double>());
  const std::string page = read_file(at("clock/report.html"));
  EXPECT_NE(page.find("<h2>Arms at equal seconds</h2>"), std::string::npos);
  EXPECT_NE(page.find("fd_other<br>"), std::string::npos);
  // The judge decides nothing: the student is the same without it.
  EXPECT_EQ(json_of("clock/arms/alone/seed1/summary.json")["student"]["fd"],
            json_of("whole/arms/alone/seed1/summary.json")["student"]["fd"]);
}

TEST_F(StudyCommand, IsDoneOnceOnly) {
  const auto before = fs::last_write_time(at("whole/arms/ramp/seed1/model.safetensors"));
  const std::string again =
      "cd '" + folder_->path().string() + "' && '" DGL_BINARY "' study s.toml --out whole --quiet --threads ";
  for (const char* threads : {"1", "2"}) EXPECT_EQ(std::system((again + threads).c_str()), 0) << threads;
  EXPECT_EQ(fs::last_write_time(at("whole/arms/ramp/seed1/model.safetensors")), before);
}

TEST_F(StudyCommand, ARunIsRemadeFromItsRecipe) {
  const std::string run_folder = "whole/arms/ramp/seed1";
  const Outcome again =
      run({"compress", "--teacher", "teacher/model.safetensors", "--data", "d.dgldata", "--recipe",
           run_folder + "/recipe.toml", "--from-stage1", "whole/stage1/alone/seed1", "--out", "again"});
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(json_of("again/summary.json")["student"]["fd"], json_of(run_folder + "/summary.json")["student"]["fd"]);
  EXPECT_EQ(read_file(at("again/model.safetensors")), read_file(at(run_folder + "/model.safetensors")));
}

TEST_F(StudyCommand, KilledAndInterruptedItGoesOnToTheSameNumbers) {
  const Program dgl(*folder_);
  const Words words{"study", "s.toml", "--out", "cut", "--jobs", "2"};
  const auto wait_for = [&](const std::string& name) {
    for (int i = 0; i < 60000 && !fs::exists(at(name)); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return fs::exists(at(name));
  };
  pid_t child = dgl.start(words);
  EXPECT_TRUE(wait_for("cut/stage1/alone/seed0/samples/000000.png"));
  ::kill(child, SIGKILL);
  EXPECT_EQ(dgl.wait(child).status, 128 + SIGKILL);
  // The next one waits for the programs that the killed one left.
  child = dgl.start(words);
  EXPECT_TRUE(wait_for("cut/arms/alone/seed0/recipe.toml"));
  ::kill(child, SIGTERM);
  const Outcome stopped = dgl.wait(child);
  EXPECT_EQ(stopped.status, 143) << stopped.err;
  EXPECT_NE(stopped.err.find("continues"), std::string::npos) << stopped.err;
  const Outcome rest = run(words);
  EXPECT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(results_of("cut"), results_of("whole"));
}

TEST_F(StudyCommand, GoesOnWhenItsProgramIsReplaced) {
  const std::string command =
      "cd '" + folder_->path().string() +
      "' && cp '" DGL_BINARY
      "' mine && { "
      "./mine study s.toml --out moved --jobs 1 --threads 1 --quiet & "
      "while ! [ -e moved/stage1/alone/seed0/output.txt ]; do sleep 0.01; done; rm mine; wait $!; }";
  EXPECT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(results_of("moved"), results_of("whole"));
}

TEST_F(StudyCommand, SeedsAreRunInTwoPlacesAndCountedTogether) {
  const Outcome there = run({"study", "--seeds", "1", "s.toml", "--out", "there"});
  ASSERT_EQ(there.status, 0) << there.err;
  const Outcome here = run({"study", "--with", "there/results.json", "s.toml", "--out", "here"});
  ASSERT_EQ(here.status, 0) << here.err;
  EXPECT_NE(here.err.find("3 runs done"), std::string::npos) << here.err;
  auto together = results_of("here");
  for (auto& arm : together["arms"]) {
    EXPECT_EQ(arm["runs"][1]["from"], "there/results.json");
    arm["runs"][1].erase("from");
  }
  EXPECT_EQ(together, results_of("whole"));
  const Outcome twice = run({"study", "s.toml", "--out", "whole", "--with", "there/results.json"});
  EXPECT_EQ(twice.status, 1);
  EXPECT_NE(twice.err.find("there/results.json: arm alone, seed 1"), std::string::npos) << twice.err;
}

TEST_F(StudyCommand, ArmsOneAfterTheOtherComeToTheWhole) {
  for (const char* arm : {"ramp", "alone"}) {
    const Outcome outcome = run({"study", "--arms", arm, "s.toml", "--out", "by-arms"});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
  }
  EXPECT_EQ(results_of("by-arms"), results_of("whole"));
}

TEST_F(StudyCommand, ABegunRunGoesOnWithItsFilesWhereTheyLieNow) {
  // Names that nothing else has, so that they are found beside the study only.
  std::string study = kStudy, recipe = read_file(at("r.toml"));
  const auto rename = [](std::string& text, const std::string& name, const std::string& to) {
    text.replace(text.find(name), name.size(), to);
  };
  rename(study, "r.toml", "r1.toml");
  rename(study, "teacher/model.safetensors", "t1.safetensors");
  rename(study, "d.dgldata", "d1.dgldata");
  rename(recipe, "features.safetensors", "f1.safetensors");
  folder_->put("place/s.toml", study);
  folder_->put("place/r1.toml", recipe);
  fs::copy_file(at("teacher/model.safetensors"), at("place/t1.safetensors"));
  fs::copy_file(at("d.dgldata"), at("place/d1.dgldata"));
  fs::copy_file(at("features.safetensors"), at("place/f1.safetensors"));
  const Program dgl(*folder_);
  const pid_t child = dgl.start({"study", "place/s.toml", "--out", "place/out", "--jobs", "1"});
  for (int i = 0; i < 60000 && !fs::exists(at("place/out/stage1/alone/seed0/log.jsonl")); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(child, SIGTERM);
  EXPECT_EQ(dgl.wait(child).status, 143);
  fs::rename(at("place"), at("moved-place"));
  const Outcome rest = run({"study", "moved-place/s.toml", "--out", "moved-place/out"});
  ASSERT_EQ(rest.status, 0) << rest.err;
  const auto moved = results_of("moved-place/out"), whole = results_of("whole");
  for (size_t arm : {0, 1}) EXPECT_EQ(moved["arms"][arm]["runs"], whole["arms"][arm]["runs"]);
  folder_->put("moved-place/t1.safetensors", read_file(at("moved-place/t1.safetensors")) + '\n');
  const Outcome other = run({"study", "moved-place/s.toml", "--out", "moved-place/out"});
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.err.find("begun with another t1.safetensors"), std::string::npos) << other.err;
}

TEST_F(StudyCommand, AFailedRunHoldsUpNoOther) {
  std::string text = kStudy;
  text +=
      "[[arms]]\nname = \"wild\"\nset = [\"guidance.lambda=1e6\", \"training.loss_limit=1000\", "
      "\"guidance.weight=uniform\"]\n";
  folder_->put("wild.toml", text);
  const Outcome outcome = run({"study", "wild.toml", "--out", "wild"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("2 of 10 runs failed, the first: wild, seed 0"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("diverged"), std::string::npos) << outcome.err;
  const auto results = json_of("wild/results.json");
  EXPECT_EQ(results["arms"][1]["fd"]["count"], 2);
  EXPECT_TRUE(results["arms"][2]["runs"][0].contains("failure"));
}

TEST_F(StudyCommand, RefusesAFolderOfAnotherStudy) {
  std::string text = kStudy;
  folder_->put("other.toml", text.replace(text.find("lambda=0\""), 9, "lambda=5\""));
  const Outcome outcome = run({"study", "other.toml", "--out", "whole"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_NE(outcome.err.find("another recipe"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("lambda = 0.0, expected lambda = 5.0"), std::string::npos) << outcome.err;
}

TEST_F(StudyCommand, RefusesAnotherTeacherInAFolderAndAnotherWayToShareTheWork) {
  const std::string text = kStudy;
  const auto with = [&](const std::string& part, const std::string& by) {
    std::string changed = text;
    return changed.replace(changed.find(part), part.size(), by);
  };
  fs::copy_file(at("teacher/model.safetensors"), at("other.safetensors"), fs::copy_options::overwrite_existing);
  folder_->put("teacher.toml", with("teacher/model.safetensors", "other.safetensors"));
  const Outcome teacher = run({"study", "teacher.toml", "--out", "whole"});
  EXPECT_EQ(teacher.status, 1);
  EXPECT_NE(teacher.err.find("expected teacher = 'other.safetensors'"), std::string::npos) << teacher.err;
  folder_->put("shards.toml", with("set = [", "set = [\"training.shards=2\", "));
  const Outcome shards = run({"study", "shards.toml", "--out", "whole"});
  EXPECT_EQ(shards.status, 1);
  EXPECT_NE(shards.err.find("shards = 1, expected shards = 2"), std::string::npos) << shards.err;
}

}  // namespace
}  // namespace dgl::test
