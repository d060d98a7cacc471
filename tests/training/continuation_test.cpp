#include <cmath>

#include "dgl/base/files.h"
#include "dgl/base/json.h"
#include "dgl/run/run_directory.h"
#include "dgl/run/run_log.h"
#include "training/cyclegan_session.h"

namespace dgl::test {
namespace {

/// What `dgl resume` changes of a run, on runs of a small CycleGAN.
class Continuation : public CycleGanSessionTest {
 protected:
  fs::path run() const { return folder_ / "run"; }
  int resume(const RunChanges& changes) const { return resume_run(run(), "auto", /*quiet=*/true, changes); }
  double kimg() const { return read_run_log(run() / "log.jsonl").losses.at("g_main").back().kimg; }
};

// As if it had been begun for longer: to the same bits, since its rate does not depend on its length.
TEST_F(Continuation, AFinishedRunContinuesAsALongerOne) {
  ASSERT_EQ(start("run"), 0);
  EXPECT_NEAR(kimg(), 0.032, 1e-9);
  ASSERT_EQ(resume({.kimg = 0.064}), 0);
  EXPECT_NEAR(kimg(), 0.064, 1e-9);
  EXPECT_TRUE(fs::exists(run() / "summary.json"));
  const RunDirectory directory = RunDirectory::open(run());
  EXPECT_EQ(directory.recipe().kimg, 0.064);
  EXPECT_NE(directory.recipe().run.changes.find("at 0.032 kimg: training.kimg 0.032, now 0.064"), std::string::npos);
  EXPECT_NE(read_file(run() / "summary.json").find("not by one command"), std::string::npos);

  recipe_.kimg = 0.064;
  ASSERT_EQ(start("longer"), 0);
  const NetworkSet one = load_model(run() / "model.safetensors"),
                   other = load_model(folder_ / "longer/model.safetensors");
  for (const char* slot : {"generator_a_to_b", "discriminator_b"}) {
    const auto theirs = other.network(slot)->named_parameters();
    for (const auto& item : one.network(slot)->named_parameters()) {
      EXPECT_TRUE(item.value().equal(theirs[item.key()])) << slot << ": " << item.key();
    }
  }
}

TEST_F(Continuation, AStudentsStage2GetsLonger) {
  teach();
  ASSERT_EQ(start("run"), 0);
  ASSERT_EQ(resume({.kimg = 0.024, .overrides = {"guidance.lambda=0.1", "training.lr=0.001"}}), 0);
  EXPECT_NEAR(kimg(), 0.032, 1e-9);  // 0.008 of them of stage 1
  const Recipe changed = RunDirectory::open(run()).recipe();
  EXPECT_EQ(changed.teacher().lambda, 0.1);
  EXPECT_EQ(changed.lr, 0.001);
  EXPECT_EQ(changed.guidance.stage1_kimg, 0.008);
}

TEST_F(Continuation, DataThatMovedAreNamed) {
  ASSERT_EQ(start("run"), 0);
  fs::rename(recipe_.run.data, folder_ / "moved.dgldata");
  expect_error([&] { resume({.kimg = 0.064}); }, {recipe_.run.data, "not there any more", "--data"});
  ASSERT_EQ(resume({.kimg = 0.064, .data = (folder_ / "moved.dgldata").string()}), 0);
  EXPECT_EQ(RunDirectory::open(run()).recipe().run.data, (folder_ / "moved.dgldata").string());
  // Another set in its place is noticed, unless it is named.
  fs::rename(make_bars(folder_, "other", 20, 1, /*labels=*/false), folder_ / "moved.dgldata");
  std::string bytes = read_file(folder_ / "moved.dgldata");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] + 1);
  write_file(folder_ / "moved.dgldata", bytes);
  expect_error([&] { resume({.kimg = 0.08}); }, {"another set", "--data"});
  EXPECT_EQ(resume({.kimg = 0.08, .data = (folder_ / "moved.dgldata").string()}), 0);
}

// Nothing of the run changes if it cannot continue so.
TEST_F(Continuation, RefusesWhatARunKeeps) {
  ASSERT_EQ(start("run"), 0);
  const std::string recipe = read_file(run() / "recipe.toml"), summary = read_file(run() / "summary.json");
  for (const char* text : {"network.blocks=2", "student.width=1/4", "family=vae", "training.seed=1", "run.data=x",
                           "discriminator.layers=2", "guidance.stage1_kimg=1"}) {
    expect_error([&] { resume({.kimg = 1, .overrides = {text}}); }, {text, "keeps its networks"});
  }
  expect_error([&] { resume({.kimg = 0.02}); }, {"done after 0.032 kimg", "--kimg"});
  expect_error([&] { resume({.overrides = {"training.lr=0.1"}}); }, {"done after 0.032 kimg", "--kimg"});
  expect_error([&] { resume({.kimg = 1, .overrides = {"training.pool=7"}}); }, {"pool"});
  expect_error([&] { resume({.kimg = 1, .overrides = {"training.lr=fast"}}); }, {"training.lr", "number"});
  expect_error([&] { resume({.kimg = 1, .teacher = "t"}); }, {"--teacher", "has none"});
  EXPECT_EQ(read_file(run() / "recipe.toml"), recipe);
  EXPECT_EQ(read_file(run() / "summary.json"), summary);
}

// What is published is often the average alone, with or without a discriminator.
TEST_F(Continuation, AModelWithoutAllOfItsNetworksIsTrainedOn) {
  teach({"discriminator_a", "discriminator_b"});
  recipe_.run.command = "boost";
  recipe_.run.from_teacher = true;
  recipe_.width = "1";
  recipe_.teacher().lambda = recipe_.teacher().pair = 0;
  recipe_.init = recipe_.discriminator_init = "random";
  const auto session = make_session(recipe_, processes_);
  ASSERT_EQ(session->notes.size(), 2u);
  EXPECT_NE(session->notes[0].find("has no discriminator_a; it starts from random weights"), std::string::npos);
}

}  // namespace
}  // namespace dgl::test
