#include "dgl/study/study.h"

#include <cmath>
#include <functional>

#include "dgl/base/files.h"
#include "dgl/study/results.h"
#include "dgl/study/runner.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const char* const kStudy = R"(
recipe = "r.toml"
teacher = "t.safetensors"
data = "d.dgldata"
seeds = 2
set = ["guidance.stage1_kimg=3", "guidance.stage2_kimg=4"]
[[arms]]
name = "alone"
set = ["guidance.lambda=0"]
[[arms]]
name = "guided"
set = ["guidance.lambda=0.3", "guidance.schedule=cosine:0.2"]
[[arms]]
name = "wider"
set = ["student.width=3/4"]
[[arms]]
name = "boosted"
command = "boost"
)";

/// A folder with a study and the files that it names.
struct StudyTest : ::testing::Test {
  StudyTest() {
    folder.put("r.toml", "[student]\nwidth = '1/4'\n[evaluation]\nfeatures = 'f.safetensors'\n");
    folder.put("f.safetensors", "x");
    folder.put("t.safetensors", "x");
    folder.put("d.dgldata", "x");
    folder.put("s.toml", kStudy);
  }
  Study load() const { return load_study(folder / "s.toml"); }
  void expect_refused(const std::string& text, const std::vector<std::string>& words) const {
    folder.put("s.toml", text);
    expect_error([&] { load(); }, words);
  }
  /// The study's text with a part replaced.
  static std::string with(const std::string& part, const std::string& by) {
    std::string text = kStudy;
    return text.replace(text.find(part), part.size(), by);
  }
  TemporaryFolder folder;
};

TEST_F(StudyTest, ReadsArmsAndTheirRecipes) {
  const Study study = load();
  EXPECT_EQ(study.name, "s");
  EXPECT_EQ(study.control, "alone");
  EXPECT_EQ(study.seeds, (std::vector<int64_t>{0, 1}));
  ASSERT_EQ(study.arms.size(), 4u);
  const Recipe guided = study.arm_recipe(study.arms[1], 7);
  EXPECT_EQ(guided.teacher().lambda, 0.3);
  EXPECT_EQ(guided.teacher().schedule, "cosine:0.2");
  EXPECT_EQ(guided.seed, 7);
  EXPECT_EQ(guided.guidance.stage1_kimg, 3);
  EXPECT_EQ(guided.width, "1/4");
  EXPECT_EQ(guided.teacher().file, (folder / "t.safetensors").string());
  EXPECT_EQ(study.arm_recipe(study.arms[2], 0).width, "3/4");
  EXPECT_EQ(study.arm_recipe(study.arms[3], 0).width, "1");
}

TEST_F(StudyTest, AFamilyOfTwoDomainsHasTwoSets) {
  folder.put("b.dgldata", "y");
  expect_refused(with("seeds", "data_b = \"b.dgldata\"\nseeds"), {"data_b", "stylegan2", "one domain"});
  folder.put("r.toml", "family = 'cyclegan'\n[evaluation]\nfeatures = 'f.safetensors'\n");
  folder.put("s.toml", with("seeds", "data_b = \"b.dgldata\"\nseeds"));
  const Study study = load();
  EXPECT_EQ(study.arm_recipe(study.arms[1], 0).run.data_b, (folder / "b.dgldata").string());
  EXPECT_EQ(hash_inputs(study).count("b.dgldata"), 1u);
  expect_refused(kStudy, {"cyclegan", "two domains", "data_b"});
}

TEST_F(StudyTest, ArmsShareAStage1WhereTheyCan) {
  const auto runs = plan_runs(load(), "out");
  // Of each seed: one stage 1 for alone and guided, one each for the other widths, and four arms.
  ASSERT_EQ(runs.size(), 2u * 7u);
  std::map<std::string, size_t> at;
  for (size_t i = 0; i < runs.size(); ++i) at[runs[i].folder.string()] = i;
  ASSERT_TRUE(at.count("out/stage1/alone/seed1"));
  const size_t shared = at["out/stage1/alone/seed1"];
  EXPECT_FALSE(runs[shared].arm);
  EXPECT_EQ(runs[shared].recipe.guidance.stage2_kimg, 0);
  EXPECT_EQ(runs[shared].recipe.seed, 1);
  EXPECT_EQ(runs[at["out/arms/alone/seed1"]].depends_on, shared);
  EXPECT_EQ(runs[at["out/arms/guided/seed1"]].depends_on, shared);
  EXPECT_EQ(runs[at["out/arms/guided/seed1"]].recipe.run.from_stage1, fs::absolute("out/stage1/alone/seed1").string());
  EXPECT_EQ(runs[at["out/arms/wider/seed1"]].depends_on, at["out/stage1/wider/seed1"]);
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].depends_on) {
      EXPECT_LT(*runs[i].depends_on, i);
    }
  }
}

TEST_F(StudyTest, WhatOnlyStage2DependsOnSharesAStage1) {
  for (const char* key :
       {"lambda=1", "schedule='decay'", "weight='score'", "interval=4", "loss='hinge'", "teacher_data=0.5",
        "duality_gap=0.1", "smooth_labels=true", "align=0.1", "train_teacher=true", "keep_optimizer=true"}) {
    folder.put("s.toml", with("guidance.schedule=cosine:0.2", std::string("guidance.") + key));
    EXPECT_EQ(plan_runs(load(), "out").size(), 2u * 7u) << key;
  }
  folder.put("s.toml", with("guidance.schedule=cosine:0.2", "guidance.resize=true"));
  EXPECT_EQ(plan_runs(load(), "out").size(), 2u * 8u);
}

TEST_F(StudyTest, AnArmOfStage1AloneSharesNone) {
  folder.put("s.toml", with("\"student.width=3/4\"", "\"guidance.stage1_kimg=7\", \"guidance.stage2_kimg=0\""));
  for (const StudyRun& run : plan_runs(load(), "out")) {
    if (run.arm != 2u) continue;
    EXPECT_FALSE(run.depends_on);
    EXPECT_EQ(run.recipe.guidance.stage1_kimg, 7);
  }
}

TEST_F(StudyTest, ListSaysWhatRemains) {
  const std::string text = list_study(load(), folder / "out", {});
  EXPECT_NE(text.find("guided, seed 1"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 14 runs done, 50 kimg left"), std::string::npos) << text;
}

TEST_F(StudyTest, ArmsOfUnequalImagesAreComparedByTheClock) {
  EXPECT_FALSE(load().equal_seconds);
  std::string text = with("\"guidance.lambda=0.3\"", "\"guidance.stage2_kimg=9\"");
  text = "equal = \"seconds\"\n" + text;
  folder.put("s.toml", text);
  EXPECT_TRUE(load().equal_seconds);
  EXPECT_FALSE(load().seconds);
  folder.put("s.toml", "seconds = 90\n" + text);
  EXPECT_EQ(load().seconds, 90);
  const std::string plain = kStudy;
  expect_refused("seconds = 90" + plain, {"s.toml", "seconds", "expected equal = \"seconds\""});
  expect_refused("seconds = 0\nequal = 'seconds'" + plain, {"s.toml", "seconds = 0", "above 0"});
  expect_refused("seconds = 'x'\nequal = 'seconds'" + plain, {"s.toml", "seconds", "number"});
  expect_refused("equal = 'steps'" + plain, {"s.toml", "equal = \"steps\"", "images or seconds"});
}

TEST_F(StudyTest, OneJudgeComparesAllArms) {
  const std::string set = "seeds = 2\nset = [\"evaluation.judge_features=";
  expect_refused(with("seeds = 2\nset = [", set + "j.safetensors\", "), {"arm alone", "judge_features", "missing"});
  folder.put("j.safetensors", "j");
  folder.put("s.toml", with("seeds = 2\nset = [", set + "j.safetensors\", "));
  const Study study = load();
  EXPECT_EQ(study.arm_recipe(study.arms[1], 0).run.judge_features, (folder / "j.safetensors").string());
  EXPECT_EQ(hash_inputs(study).count("j.safetensors"), 1u);
  expect_refused(with("\"guidance.lambda=0.3\"", "\"evaluation.judge_features=j.safetensors\""),
                 {"arm guided", "judge_features", "that of arm alone"});
}

TEST_F(StudyTest, RefusesWhatItCannotRun) {
  expect_refused("recipe = 3", {"s.toml", "recipe", "text in quotes"});
  expect_refused(with("r.toml", "none.toml"), {"recipe", "none.toml is missing"});
  expect_refused(with("seeds = 2", "seeds = 0"), {"seeds = 0"});
  expect_refused(with("seeds = 2", "seeds = [1, 1]"), {"seeds", "1 stands twice"});
  expect_refused(with("seeds = 2", "seeds = 'x'"), {"seeds", "array"});
  expect_refused(with("seeds = 2", "seeds = 2\ncolor = 1"), {"color", "not a key of a study"});
  expect_refused(with("\"guided\"", "\"../x\""), {"arm 2", "../x", "letters"});
  expect_refused(with("\"guided\"", "\"alone\""), {"two arms are called alone"});
  expect_refused(with("\"boost\"", "\"dance\""), {"arm 4", "dance"});
  expect_refused(with("seeds = 2", "seeds = 2\ncontrol = 'x'"), {"control", "\"x\""});
  expect_refused(with("guidance.lambda=0.3", "guidance.lamda=0.3"), {"guidance.lamda"});
  expect_refused(with("\"guidance.lambda=0.3\"", "\"guidance.stage2_kimg=9\""),
                 {"guided", "12000", "alone", "7000", "equal images"});
  expect_refused(with("set = [\"student.width=3/4\"]", "set = 3"), {"arms[2].set", "array"});
  expect_refused(with("seeds = 2\nset = [", "seeds = 2\nset = [\"evaluation.features=\", "),
                 {"arm alone", "evaluation.features"});
  expect_refused("recipe = 'r.toml'\nteacher = 't.safetensors'\ndata = 'd.dgldata'\nseeds = 1\n", {"[[arms]]"});
}

TEST(SampleStats, MeanDeviationAndErrorOfTheMean) {
  const SampleStats spread = spread_of({1, 2, 3, 6});
  EXPECT_EQ(spread.count, 4);
  EXPECT_NEAR(spread.mean, 3, 1e-12);
  EXPECT_NEAR(spread.deviation, std::sqrt(14.0 / 3), 1e-12);
  EXPECT_NEAR(spread.error, std::sqrt(14.0 / 12), 1e-12);
  EXPECT_EQ(spread_of({5}).mean, 5);
  EXPECT_EQ(spread_of({5}).error, 0);
  EXPECT_EQ(spread_of({}).count, 0);
}

TEST(TimedCurve, DistancesBetweenEvaluationsAreInterpolatedLogarithmically) {
  const TimedCurve curve{{10, 64}, {20, 16}, {40, 4}};
  EXPECT_FALSE(distance_at(curve, 9.9));
  EXPECT_EQ(distance_at(curve, 10), 64);
  EXPECT_NEAR(distance_at(curve, 15).value(), 32, 1e-9);
  EXPECT_EQ(distance_at(curve, 20), 16);
  EXPECT_NEAR(distance_at(curve, 25).value(), 16 / std::sqrt(2), 1e-9);
  EXPECT_EQ(distance_at(curve, 40), 4);
  EXPECT_FALSE(distance_at(curve, 40.1));
  EXPECT_FALSE(distance_at({}, 1));
  EXPECT_NEAR(distance_at({{0, 8}, {4, 0}}, 1).value(), 6, 1e-12);  // 0 has no logarithm
}

TEST(TimedCurve, ALevelIsReachedAtTheFirstEvaluationBelowIt) {
  const TimedCurve curve{{10, 64}, {20, 16}, {30, 20}, {40, 4}};
  EXPECT_EQ(seconds_to_level(curve, 16), 20);
  EXPECT_EQ(seconds_to_level(curve, 15.9), 40);
  EXPECT_EQ(seconds_to_level(curve, 1000), 10);
  EXPECT_FALSE(seconds_to_level(curve, 3));
}

TEST(Ratio, HasTheIntervalOfStudentsT) {
  const std::vector<double> logarithms = log_ratios({{1, 2}, {2, 2}, {4, 2}, {0, 2}, {2, -1}});
  ASSERT_EQ(logarithms.size(), 3u);
  const auto json = ratio_json(logarithms, {});
  EXPECT_EQ(json["count"], 3);
  EXPECT_NEAR(json["mean"].get<double>(), 1, 1e-12);
  const double error = std::log(2) / std::sqrt(3);
  EXPECT_NEAR(json["error"].get<double>(), error, 1e-12);
  EXPECT_NEAR(std::log(json["high"].get<double>()), 4.302653 * error, 1e-6);
  EXPECT_NEAR(std::log(json["low"].get<double>()), -4.302653 * error, 1e-6);
  EXPECT_FALSE(json.contains("pooled_low"));
  EXPECT_FALSE(ratio_json({0.5}, {}).contains("low"));
  EXPECT_EQ(ratio_json({}, {}), nlohmann::json({{"count", 0}}));
}

TEST(Ratio, HasTheIntervalOfTheDeviationPooledOverArms) {
  // Of 1 and 3 degrees of freedom: sums of squares 2 and 10.
  const PooledDeviation pooled = pooled_deviation({{1, 3}, {0, 1, 3, 4}, {7}, {}});
  EXPECT_EQ(pooled.degrees, 4);
  EXPECT_NEAR(pooled.deviation, std::sqrt(12.0 / 4), 1e-12);
  EXPECT_EQ(pooled_deviation({{1}}).degrees, 0);
  const auto json = ratio_json({0.5}, pooled);  // one pair has an interval by the others
  EXPECT_EQ(json["pooled_degrees"], 4);
  EXPECT_NEAR(std::log(json["pooled_high"].get<double>()), 0.5 + 2.776445 * std::sqrt(3), 1e-5);
  EXPECT_NEAR(std::log(json["pooled_low"].get<double>()), 0.5 - 2.776445 * std::sqrt(3), 1e-5);
}

/// A finished run as the study reads it.
void finish(const TemporaryFolder& folder, const std::string& run, double fd) {
  const double teacher = run.back() == '0' ? 1.5 : 2.5;  // by seed
  folder.put(run + "/summary.json",
             fmt::format(R"({{"metric":"fd_x","metric_samples":100,"student":{{"fd":{0},"generator":{{"params":5}}}},
      "teacher":{{"fd":{2}}},"result":{{"kimg":7}},"stages":[{{"fd_end":9}},{{"fd_end":{1},"kimg_start":3,"kimg_end":7,"seconds":{3}}}]}})",
                         fd, fd + 1, teacher, 8 * fd));
  folder.put(run + "/log.jsonl", fmt::format("{{\"stage\":2,\"kimg\":7,\"fd\":{}}}\n", fd + 1));
}

TEST_F(StudyTest, ResultsPairRunsOfTheSameSeed) {
  const Study study = load();
  for (int seed : {0, 1}) {
    finish(folder, fmt::format("out/arms/alone/seed{}", seed), 10 + 10 * seed);
    finish(folder, fmt::format("out/arms/guided/seed{}", seed), 9 + 8 * seed);
    folder.put(fmt::format("out/stage1/alone/seed{}/log.jsonl", seed),
               fmt::format("{{\"stage\":1,\"kimg\":3,\"fd\":{}}}\n", 30 + seed));
  }
  finish(folder, "out/arms/wider/seed1", 4);
  const auto runs = plan_runs(study, folder / "out");
  size_t failed = 0;
  while (runs[failed].folder != folder / "out/arms/wider/seed0") ++failed;
  const auto json = study_results(study, read_runs(study, runs, {{failed, "status 1: diverged"}}, {}));
  EXPECT_EQ(json["metric"], "fd_x");
  EXPECT_EQ(json["teacher"]["fd"], 2);
  EXPECT_EQ(json["teacher"]["error"], 0.5);
  const auto& alone = json["arms"][0];
  const auto& guided = json["arms"][1];
  const auto& wider = json["arms"][2];
  EXPECT_EQ(guided["runs"][1]["teacher_fd"], 2.5);
  EXPECT_EQ(alone["fd"]["mean"], 15);
  EXPECT_NEAR(alone["fd"]["error"].get<double>(), 5, 1e-12);
  EXPECT_FALSE(alone.contains("difference"));
  EXPECT_EQ(guided["difference"]["mean"], -2);
  EXPECT_NEAR(guided["difference"]["error"].get<double>(), 1, 1e-12);
  // 9 / 10 and 17 / 20.
  EXPECT_NEAR(guided["ratio"]["mean"].get<double>(), std::sqrt(0.9 * 0.85), 1e-12);
  EXPECT_NEAR(guided["ratio"]["error"].get<double>(), std::sqrt(0.9 * 0.85) * std::log(0.9 / 0.85) / 2, 1e-12);
  EXPECT_FALSE(alone.contains("ratio"));
  EXPECT_EQ(guided["runs"][1]["seconds_per_kimg"], 2 * 17);
  EXPECT_NEAR(guided["time"]["mean"].get<double>(), std::sqrt(0.9 * 0.85), 1e-12);
  EXPECT_EQ(guided["fd_end"]["mean"], 14);
  EXPECT_EQ(guided["curve"], nlohmann::json::parse("[[3.0,30.5,30.0,31.0,2],[7.0,14.0,10.0,18.0,2]]"));
  EXPECT_EQ(guided["runs"][1]["folder"], "arms/guided/seed1");
  EXPECT_EQ(wider["runs"][0]["failure"], "status 1: diverged");
  EXPECT_EQ(wider["difference"]["mean"], -16);
  EXPECT_FALSE(wider["difference"].contains("error"));
  EXPECT_EQ(json["arms"][3]["fd"]["count"], 0);
}

/// A study whose runs have times: two threads, a teacher at 35, and processor seconds that are not the wall's.
struct StudyByTheClock : StudyTest {
  StudyByTheClock() {
    folder.put("s.toml", std::string("equal = \"seconds\"\n") + kStudy);
    for (int seed : {0, 1}) {
      put_log(fmt::format("out/stage1/alone/seed{}", seed), {{3, 80, 30, 20}});
      put_run("alone", seed, {{5, 40, 50, 40}, {7, 20, 70, 60}});
    }
    put_run("guided", 0, {{5, 32, 60, 40}, {7, 8, 100, 80}});
    put_run("guided", 1, {{5, 39, 60, 44}, {7, 30, 100, 80}});
  }
  using Lines = std::vector<Evaluation>;
  void put_log(const std::string& run, const Lines& lines) const {
    std::string text;
    for (const Evaluation& point : lines) {
      LogLine line;
      line.kimg = point.kimg;
      line.seconds = *point.seconds;
      line.cpu_seconds = point.cpu_seconds;
      line.distance = point.distance;
      text += line.to_json().dump() + "\n";
    }
    folder.put(run + "/log.jsonl", text);
  }
  void put_run(const std::string& arm, int seed, const Lines& lines) const {
    const std::string run = fmt::format("out/arms/{}/seed{}", arm, seed);
    put_log(run, lines);
    nlohmann::json stage = {{"kimg_start", 3}, {"kimg_end", 7}, {"fd_end", lines.back().distance}, {"seconds", 40}};
    if (lines.back().cpu_seconds) stage["cpu_seconds"] = *lines.back().cpu_seconds - 20;
    const nlohmann::json summary = {
        {"metric", "fd_x"},
        {"judge_metric", "fd_y"},
        {"metric_samples", 100},
        {"threads", 2},
        {"student",
         {{"fd", lines.back().distance - 1},
          {"judge_fd", 3 + seed},
          {"kid_mean", -0.5},
          {"precision", 0.75},
          {"recall", 0.5}}},
        {"teacher", {{"fd", 35}, {"judge_fd", 2.5}, {"kid_mean", 0.25}, {"precision", 0.875}, {"recall", 0.625}}},
        {"result", {{"kimg", 7}, {"fd_last3", 33}}},
        {"stages", {stage}}};
    folder.put(run + "/summary.json", summary.dump());
  }
  nlohmann::json results() const {
    const Study study = load();
    auto runs = plan_runs(study, folder / "out");
    select_runs(study, runs, {"alone", "guided"}, {});
    return study_results(study, read_runs(study, runs, {}, hash_inputs(study)));
  }
};

TEST_F(StudyByTheClock, ArmsAreComparedWhereTheControlEnds) {
  const auto json = results();
  EXPECT_EQ(json["equal"], "seconds");
  EXPECT_EQ(json["clock"], "processor");
  // Processor seconds by thread.
  EXPECT_EQ(json["budgets"], nlohmann::json::parse("[[0.0, 30.0], [1.0, 30.0]]"));
  const auto &alone = json["arms"][0], &guided = json["arms"][1];
  EXPECT_EQ(alone["seconds"]["mean"], 30);
  EXPECT_EQ(guided["seconds"]["mean"], 40);
  EXPECT_EQ(alone["fd_at_budget"]["mean"], 20);
  // Halfway between 32 and 8.
  EXPECT_NEAR(guided["runs"][0]["fd_at_budget"].get<double>(), 16, 1e-9);
  const double second = 39 * std::pow(30.0 / 39, 8.0 / 18);
  EXPECT_NEAR(guided["runs"][1]["fd_at_budget"].get<double>(), second, 1e-9);
  EXPECT_NEAR(guided["ratio_at_budget"]["mean"].get<double>(), std::sqrt(16.0 / 20 * second / 20), 1e-9);
  EXPECT_EQ(guided["ratio_at_budget"]["pooled_degrees"], 1);
  EXPECT_EQ(guided["curve_seconds"],
            nlohmann::json::parse("[[10.0,80.0,80.0,80.0,2],[21.0,35.5,32.0,39.0,2],[40.0,19.0,8.0,30.0,2]]"));
  EXPECT_EQ(guided["time"]["mean"], 1.5);  // 60 processor seconds to 40
}

TEST_F(StudyByTheClock, SaysWhenALevelIsReached) {
  const auto json = results();
  const auto &alone = json["arms"][0], &guided = json["arms"][1];
  EXPECT_EQ(alone["seconds_to_teacher"]["mean"], 30);
  EXPECT_EQ(guided["runs"][0]["seconds_to_teacher"], 20);
  EXPECT_EQ(guided["runs"][1]["seconds_to_teacher"], 40);
  EXPECT_EQ(guided["seconds_to_teacher"]["mean"], 30);
  EXPECT_EQ(guided["seconds_to_teacher"]["of"], 2);
  // Seed 1 does not come to the control's 20.
  EXPECT_EQ(guided["seconds_to_control"]["count"], 1);
  EXPECT_EQ(guided["seconds_to_control"]["of"], 2);
  EXPECT_EQ(guided["seconds_to_control"]["mean"], 40);
  EXPECT_NEAR(guided["seconds_to_control_ratio"]["mean"].get<double>(), 4.0 / 3, 1e-12);
  EXPECT_FALSE(guided["runs"][1].contains("seconds_to_control"));
}

TEST_F(StudyByTheClock, ANumberOfSecondsIsABudgetToo) {
  folder.put("s.toml", std::string("equal = \"seconds\"\nseconds = 20\n") + kStudy);
  const auto json = results();
  EXPECT_EQ(json["seconds"], 20);
  EXPECT_EQ(json["budgets"], nlohmann::json::parse("[[0.0, 20.0], [1.0, 20.0]]"));
  EXPECT_EQ(json["arms"][0]["fd_at_budget"]["mean"], 40);
  // Where a run ends before it, its end counts.
  folder.put("s.toml", std::string("equal = \"seconds\"\nseconds = 35\n") + kStudy);
  EXPECT_EQ(results()["budgets"][0][1], 30);
}

TEST_F(StudyByTheClock, OneRunWithoutProcessorSecondsLeavesTheWalls) {
  put_run("guided", 1, {{5, 39, 60, std::nullopt}, {7, 30, 100, std::nullopt}});
  auto json = results();
  EXPECT_EQ(json["clock"], "wall");
  EXPECT_EQ(json["time_clock"], "wall");
  EXPECT_EQ(json["budgets"][0][1], 70);
  EXPECT_EQ(json["arms"][1]["time"]["mean"], 1);
  // A log without any times.
  folder.put("out/arms/guided/seed1/log.jsonl", "{\"kimg\":7,\"fd\":30}\n");
  json = results();
  EXPECT_FALSE(json.contains("clock"));
  EXPECT_FALSE(json.contains("budgets"));
  EXPECT_FALSE(json["arms"][1].contains("curve_seconds"));
  EXPECT_EQ(json["arms"][1]["ratio"]["count"], 2);
}

TEST_F(StudyByTheClock, GathersWhatElseJudges) {
  const auto json = results();
  EXPECT_EQ(json["judge_metric"], "fd_y");
  EXPECT_EQ(json["teacher"]["judge_fd"], 2.5);
  EXPECT_EQ(json["teacher"]["judge_fd_error"], 0);
  EXPECT_EQ(json["teacher"]["recall"], 0.625);
  const auto& guided = json["arms"][1];
  EXPECT_EQ(guided["judge_fd"]["mean"], 3.5);
  EXPECT_EQ(guided["judge_ratio"]["mean"], 1);
  EXPECT_EQ(guided["kid_mean"]["mean"], -0.5);
  EXPECT_EQ(guided["precision"]["mean"], 0.75);
  EXPECT_EQ(guided["recall"]["mean"], 0.5);
  EXPECT_EQ(guided["fd_last3"]["mean"], 33);
  EXPECT_EQ(guided["runs"][1]["judge_fd"], 4);
  EXPECT_EQ(guided["runs"][1]["teacher_precision"], 0.875);
  // A summary of an earlier version: the mean is that of the log.
  nlohmann::json old = nlohmann::json::parse(read_file(folder / "out/arms/guided/seed0/summary.json"));
  old["result"].erase("fd_last3");
  folder.put("out/arms/guided/seed0/summary.json", old.dump());
  EXPECT_EQ(results()["arms"][1]["runs"][0]["fd_last3"], 20);
}

TEST_F(StudyByTheClock, ResultsElsewhereCountByTheClockToo) {
  const auto whole = results();
  folder.put("there.json", whole.dump());
  const Study study = load();
  StudyResults all;
  all.arms.resize(study.arms.size());
  all.inputs = hash_inputs(study);
  const auto runs = plan_runs(study, folder / "none");
  for (const StudyRun& run : runs) {
    if (run.arm) all.arms[*run.arm].recipe = whole["arms"][*run.arm]["recipe"];
  }
  merge_results(study, all, read_results(folder / "there.json", study), "F");
  auto joined = study_results(study, all);
  for (auto& arm : joined["arms"]) {
    for (auto& run : arm["runs"]) EXPECT_EQ(run.erase("from"), 1u);
  }
  EXPECT_EQ(joined, whole);

  const auto expect_refused_with = [&](const std::function<void(nlohmann::json&)>& change,
                                       const std::vector<std::string>& words) {
    auto json = whole;
    change(json["arms"][1]["runs"][1]);
    folder.put("there.json", json.dump());
    expect_error([&] { read_results(folder / "there.json", study); }, words);
  };
  expect_refused_with([](auto& run) { run["evaluations"] = {{1, 2}}; }, {"evaluations", "3 numbers"});
  expect_refused_with([](auto& run) { run["evaluations"][0][2] = 1e9; }, {"arm guided, seed 1", "order of time"});
  expect_refused_with([](auto& run) { run["judge_fd"] = 1e300; }, {"arm guided, seed 1", "judge_fd"});
  expect_refused_with([](auto& run) { run["threads"] = 0; }, {"arm guided, seed 1", "threads"});
  expect_refused_with([](auto& run) { run["cpu_seconds_per_kimg"] = 0; }, {"cpu_seconds_per_kimg", "a time"});
  auto other = whole;
  other["judge_metric"] = "fd_z";
  folder.put("there.json", other.dump());
  all.judge_metric = "fd_y";
  expect_error([&] { merge_results(study, all, read_results(folder / "there.json", study), "F"); },
               {"F", "fd_z", "fd_y"});
}

/// Where each seed was run by itself, in two folders.
struct StudyElsewhere : StudyTest {
  StudyElsewhere() {
    for (int seed : {0, 1}) {
      for (const char* place : {"whole", seed == 0 ? "here" : "there"}) {
        finish(folder, fmt::format("{}/arms/alone/seed{}", place, seed), 10 + 10 * seed);
        finish(folder, fmt::format("{}/arms/guided/seed{}", place, seed), 9 + 8 * seed);
        folder.put(fmt::format("{}/stage1/alone/seed{}/log.jsonl", place, seed),
                   fmt::format("{{\"stage\":1,\"kimg\":3,\"fd\":{}}}\n", 30 + seed));
      }
    }
    put_results(there());
  }
  StudyResults numbers(const std::string& place, const std::vector<std::string>& arms,
                       const std::vector<int64_t>& seeds) const {
    const Study study = load();
    auto runs = plan_runs(study, folder / place);
    select_runs(study, runs, arms, seeds);
    return read_runs(study, runs, {}, hash_inputs(study));
  }
  nlohmann::json there() const { return study_results(load(), numbers("there", {"alone", "guided"}, {1})); }
  void put_results(const nlohmann::json& json) const { folder.put("there/results.json", json.dump()); }
  /// Results of seed 0 here and what the other file has.
  nlohmann::json together() const {
    StudyResults all = numbers("here", {"alone", "guided"}, {0});
    merge_results(load(), all, read_results(folder / "there/results.json", load()), "F");
    return study_results(load(), all);
  }
  void expect_not_taken(const std::function<void(nlohmann::json&)>& change,
                        const std::vector<std::string>& words) const {
    nlohmann::json json = there();
    change(json);
    put_results(json);
    expect_error([&] { together(); }, words);
  }
};

TEST_F(StudyElsewhere, ComesToWhatOnePlaceWouldHave) {
  auto whole = study_results(load(), numbers("whole", {"alone", "guided"}, {})), joined = together();
  EXPECT_EQ(joined["arms"][1]["runs"][1]["from"], (folder / "there/results.json").string());
  for (auto& arm : joined["arms"]) {
    for (auto& run : arm["runs"]) run.erase("from");
  }
  EXPECT_EQ(joined, whole);
  EXPECT_EQ(whole["arms"][1]["fd"]["count"], 2);
}

TEST_F(StudyElsewhere, WhatIsDoneCountsThoughItIsNotChosen) {
  const auto json = study_results(load(), numbers("whole", {"guided"}, {1}));
  EXPECT_EQ(json["arms"][0]["fd"]["count"], 2);
  EXPECT_EQ(json["arms"][1]["difference"]["count"], 2);
  EXPECT_EQ(json["arms"][2]["runs"].size(), 0u);
}

TEST_F(StudyElsewhere, FilesAreToldApartByWhatTheyHold) {
  const auto before = hash_inputs(load());
  EXPECT_EQ(before.size(), 3u);
  folder.put("t.safetensors", "y");
  const auto after = hash_inputs(load());
  EXPECT_NE(after.at("t.safetensors"), before.at("t.safetensors"));
  EXPECT_EQ(after.at("d.dgldata"), before.at("d.dgldata"));
}

TEST_F(StudyElsewhere, RecipesAreComparedByWhatTheySay) {
  const auto expected = together();
  auto json = there();
  std::string recipe = json["arms"][1]["recipe"];
  json["arms"][1]["recipe"] =
      "# by hand\n" + recipe.replace(recipe.find("lambda = 0.3"), 12, "lambda = 0.29999999999999999");
  put_results(json);
  EXPECT_EQ(together(), expected);
}

TEST_F(StudyElsewhere, WhatFailedThereDoesNotHideWhatIsDoneHere) {
  auto json = there();
  auto& run = json["arms"][1]["runs"][0];
  run = {{"seed", 0}, {"folder", "arms/guided/seed0"}, {"failure", "status 1: diverged"}};
  put_results(json);
  const auto joined = together();
  ASSERT_EQ(joined["arms"][1]["runs"].size(), 1u);
  EXPECT_EQ(joined["arms"][1]["runs"][0]["fd"], 9);
  EXPECT_FALSE(joined["arms"][1]["runs"][0].contains("failure"));
}

TEST_F(StudyElsewhere, RefusesWhatCannotBeCountedIn) {
  expect_not_taken([](auto& json) { json["arms"][1]["recipe"] = "lambda = "; },
                   {"there/results.json: arm guided: recipe", "line 1"});
  expect_not_taken([](auto& json) { json["inputs"]["more"] = "0"; }, {"F", "other files", "more"});
  expect_not_taken([](auto& json) { json["inputs"]["t.safetensors"] = "0"; }, {"F", "other files", "t.safetensors"});
  expect_not_taken([](auto& json) { json["inputs"] = 3; }, {"there/results.json", "inputs", "object"});
  expect_not_taken([](auto& json) { json["metric"] = "fd_y"; }, {"F", "measures fd_y", "fd_x"});
  expect_not_taken([](auto& json) { json["metric_samples"] = 99; }, {"F", "99 samples", "100"});
  expect_not_taken([](auto& json) { json["arms"][1].erase("recipe"); },
                   {"there/results.json", "arm guided", "expected its recipe"});
  expect_not_taken(
      [](auto& json) {
        std::string recipe = json["arms"][1]["recipe"];
        const size_t at = recipe.find("lambda = ");
        json["arms"][1]["recipe"] = recipe.replace(at, recipe.find('\n', at) - at, "lambda = 0.4");
      },
      {"F", "arm guided is of another recipe: lambda = 0.4", "expected lambda = 0."});
  expect_not_taken([](auto& json) { json["arms"][1]["name"] = "x"; }, {"an arm x"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0]["seed"] = 0.5; }, {"arm guided", "seed"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0]["seed"] = 0; }, {"F", "arm guided, seed 0", "once"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0].erase("fd"); }, {"arm guided, seed 1", "not done"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0].erase("fd_end"); },
                   {"arm guided, seed 1", "two distances"});
  expect_not_taken(
      [](auto& json) {
        json["arms"][1]["runs"][0].erase("fd_end");
        json["arms"][1]["runs"][0]["failure"] = "x";
      },
      {"arm guided, seed 1", "two distances"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0]["fd"] = 1e300; },
                   {"arm guided, seed 1", "two distances"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"][0]["seconds_per_kimg"] = 0; },
                   {"arm guided, seed 1", "a time"});
  expect_not_taken([](auto& json) { json["arms"][1]["runs"].push_back(json["arms"][1]["runs"][0]); },
                   {"arm guided", "seed 1 twice"});
  expect_not_taken([](auto& json) { json["arms"][1]["curve"][0] = {1, 2, 3}; }, {"curve", "5 numbers"});
  expect_not_taken([](auto& json) { json["arms"][1]["curve"][0][1] = 1e300; }, {"curve", "kimg"});
  folder.put("there/results.json", "{");
  expect_error([&] { together(); }, {"there/results.json", "malformed JSON"});
}

TEST_F(StudyTest, RunsWhatIsChosen) {
  const Study study = load();
  auto runs = plan_runs(study, "out");
  select_runs(study, runs, {"boosted", "guided"}, {1, 1});
  std::vector<std::string> folders;
  for (const StudyRun& run : runs) {
    if (run.selected) folders.push_back(run.folder.string());
  }
  // Stage 1 has the name that it has in the whole study.
  EXPECT_EQ(folders, (std::vector<std::string>{"out/stage1/alone/seed1", "out/arms/guided/seed1",
                                               "out/stage1/boosted/seed1", "out/arms/boosted/seed1"}));
  expect_error([&] { select_runs(study, runs, {"x"}, {}); }, {"--arms x", "alone, guided, wider, boosted"});
  expect_error([&] { select_runs(study, runs, {}, {2}); }, {"--seeds 2", "the study has 0, 1"});
}

TEST_F(StudyTest, ImagesAreCountedWhole) {
  std::string text = with("\"student.width=3/4\"", "\"guidance.stage1_kimg=0.3\", \"guidance.stage2_kimg=0\"");
  const std::string all = "\"guidance.stage1_kimg=3\", \"guidance.stage2_kimg=4\"";
  text.replace(text.find(all), all.size(), "\"guidance.stage1_kimg=0.1\", \"guidance.stage2_kimg=0.2\"");
  folder.put("s.toml", text);
  ASSERT_NE(0.1 + 0.2, 0.3);
  EXPECT_EQ(load().arms.size(), 4u);
}

}  // namespace
}  // namespace dgl::test
