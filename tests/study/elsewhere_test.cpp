#include <functional>

#include "dgl/base/files.h"
#include "dgl/study/results.h"
#include "dgl/study/runner.h"
#include "study/study_fixture.h"

namespace dgl::test {
namespace {

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

}  // namespace
}  // namespace dgl::test
