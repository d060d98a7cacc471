#include "dgl/study/study.h"

#include "dgl/base/files.h"
#include "dgl/study/runner.h"
#include "study/study_fixture.h"

namespace dgl::test {
namespace {

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
