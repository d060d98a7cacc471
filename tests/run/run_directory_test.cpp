#include "dgl/run/run_directory.h"

#include "dgl/base/torch.h"
#include "dgl/run/run_state.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(RunState, RoundTripIsExact) {
  RunState state;
  state.seconds = 1.0 / 3;
  state.losses.add("g_main", 0.1);
  state.losses.add("g_main", 0.2);
  StageRecord& record = state.stages.emplace_back();
  record.name = "guided";
  record.fd_best = 1.0 / 7;
  record.judges_end = {{"teacher", 0.9, {-1.5, 2}, {-1.0 / 3, 0.5}}};
  const auto json = nlohmann::json::parse(state.to_json().dump());
  EXPECT_EQ(RunState::from_json(json, "c").to_json(), state.to_json());
  expect_error([&] { RunState::from_json(nlohmann::json::object(), "c.safetensors"); }, {"c.safetensors", "state"});
}

TEST(RunState, AddsTimesAndKnowsOfProcessorTimeOnlyAsAWhole) {
  RunState state;
  state.stages.resize(2);
  state.stages[0].cpu_seconds = 5;
  state.add_time(2, 1.5);
  state.add_time(3, 2.5);
  EXPECT_EQ(state.seconds, 5);
  EXPECT_EQ(state.tick_seconds, 5);
  EXPECT_EQ(state.cpu_seconds, 4);
  EXPECT_EQ(state.stages[0].cpu_seconds, 5);
  EXPECT_EQ(state.stages[1].seconds, 5);
  EXPECT_EQ(state.stages[1].cpu_seconds, 4);
  EXPECT_EQ(RunState::from_json(state.to_json(), "c").cpu_seconds, 4);

  // The checkpoint of a version that did not record it: what is added later would be a part only.
  nlohmann::json old = state.to_json();
  old.erase("cpu_seconds");
  for (auto& record : old["stages"]) {
    for (const char* key : {"cpu_seconds", "judges_start", "judges_end"}) record.erase(key);
  }
  RunState resumed = RunState::from_json(old, "c");
  EXPECT_EQ(resumed.seconds, 5);
  resumed.add_time(1, 1);
  EXPECT_EQ(resumed.seconds, 6);
  EXPECT_EQ(resumed.cpu_seconds, -1);
  EXPECT_EQ(resumed.stages[1].cpu_seconds, -1);
  state.add_time(1, std::nullopt);
  EXPECT_EQ(state.cpu_seconds, -1);
}

TEST(RunDirectory, RefusesWhatItWouldHarm) {
  const TemporaryFolder folder;
  folder.put("things/a.txt", "x");
  expect_error([&] { RunDirectory::create(folder / "things", Recipe(), false); }, {"things", "--overwrite"});
  expect_error([&] { RunDirectory::create(folder / "things", Recipe(), true); }, {"things", "not a run directory"});
  EXPECT_TRUE(fs::exists(folder / "things/a.txt"));
  expect_error([&] { RunDirectory::create(folder / "things/a.txt", Recipe(), true); }, {"a.txt", "not a folder"});
  expect_error([&] { RunDirectory::open(folder / "none"); }, {"none"});
  const auto run = RunDirectory::create(folder / "run", Recipe(), false);
  expect_error([&] { RunDirectory::create(folder / "run", Recipe(), false); }, {"run", "exists"});
  folder.put("run/mine.txt", "x");
  folder.put("run/model.safetensors", "x");
  EXPECT_NO_THROW(RunDirectory::create(folder / "run", Recipe(), true));
  EXPECT_TRUE(fs::exists(folder / "run/mine.txt"));
  EXPECT_FALSE(fs::exists(folder / "run/model.safetensors"));
  expect_error([&] { RunDirectory::create("", Recipe(), false); }, {"empty"});
  // Not while a process works in it, nor where the new run is made of it.
  {
    const auto alone = run.lock();
    expect_error([&] { RunDirectory::create(folder / "run", Recipe(), true); }, {"run", "another process"});
    expect_error([&] { const auto second = run.lock(); }, {"run", "another process"});
  }
  const auto input_of = [](Recipe& recipe, int i) -> std::string& {
    return i == 0 ? recipe.teacher().file : i == 1 ? recipe.run.data : recipe.run.from_stage1;
  };
  for (int i = 0; i < 3; ++i) {
    Recipe recipe;
    input_of(recipe, i) = (i == 2 ? folder / "run" : folder / "run/model.safetensors").string();
    expect_error([&] { RunDirectory::create(folder / "run", recipe, true); }, {"run", "would be replaced"});
  }
}

TEST(RunDirectory, KeepsTheNewestCheckpoints) {
  const TemporaryFolder folder;
  const auto run = RunDirectory::create(folder / "run", Recipe(), false);
  for (const int64_t step : {5, 100, 20, 1000000})
    folder.put("run/checkpoints/" + run.checkpoint(step).filename().string(), "x");
  folder.put("run/checkpoints/stage1.safetensors", "x");
  folder.put("run/checkpoints/interrupted.safetensors", "x");
  folder.put("run/checkpoints/000007.safetensors.partial-3", "x");
  run.prune(2);
  const auto left = run.checkpoints();
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0], run.checkpoint(1000000));
  EXPECT_EQ(left[1], run.checkpoint(100));
  EXPECT_TRUE(fs::exists(run.stage_end(1)));
  EXPECT_FALSE(fs::exists(folder / "run/checkpoints/000007.safetensors.partial-3"));
  EXPECT_FALSE(fs::exists(run.interrupted()));
}

TEST(RunDirectory, LogIsCutBack) {
  const TemporaryFolder folder;
  const auto run = RunDirectory::create(folder / "run", Recipe(), false);
  run.append_log({{"kimg", 1}});
  const auto size = run.log_size();
  run.append_log({{"kimg", 2}});
  run.truncate_log(size);
  EXPECT_EQ(run.log_size(), size);
}

}  // namespace
}  // namespace dgl::test
