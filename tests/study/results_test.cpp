#include "dgl/study/results.h"

#include <cmath>
#include <functional>

#include "dgl/base/files.h"
#include "dgl/study/runner.h"
#include "study/study_fixture.h"

namespace dgl::test {
namespace {

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

}  // namespace
}  // namespace dgl::test
