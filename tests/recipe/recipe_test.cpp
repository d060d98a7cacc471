#include "dgl/recipe/recipe.h"

#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(Recipe, ReadsKeysAndOverrides) {
  const Recipe recipe = parse_recipe(
      "family = 'stylegan2'\n[network]\nresolution = 64\n[training]\nlr = 1\n[student]\nwidth = '3/8'\n", "r",
      {"training.batch=16", "training.checkpoint_kimg=0.5", "student.width=1/4", "training.mirror=true"});
  EXPECT_EQ(recipe.network->resolution, 64);
  EXPECT_EQ(recipe.lr, 1);
  EXPECT_EQ(recipe.batch, 16);
  EXPECT_EQ(recipe.checkpoint_kimg, 0.5);
  EXPECT_EQ(recipe.width, "1/4");
  EXPECT_TRUE(recipe.mirror);
}

TEST(Recipe, ATextNeedsNoQuotes) {
  EXPECT_EQ(parse_recipe("", "r", {"student.width=1"}).width, "1");
  EXPECT_EQ(parse_recipe("", "r", {"student.width=\"1\""}).width, "1");
  EXPECT_EQ(parse_recipe("", "r", {"evaluation.features="}).feature_file, "");
}

TEST(Recipe, RoundTripKeepsEveryKey) {
  Recipe recipe;
  recipe.lr = 0.1234567890123;
  recipe.run.data = "a \"quoted\" path";
  recipe.kimg = 1e-3;
  recipe.seed = 123456789012345;
  recipe.teacher().schedule = "piecewise:0=0,1=1";
  recipe.guidance.teachers.push_back({"a.safetensors", 0.5, "cosine:0.2", "score", "hinge"});
  recipe.guidance.teachers.push_back({"b.safetensors", 0.25, "constant", "uniform", ""});
  const std::string text = recipe_toml(recipe);
  EXPECT_EQ(recipe_toml(parse_recipe(text, "r")), text);
  // Numbers as people write them.
  EXPECT_NE(text.find("\nbeta2 = 0.99\n"), std::string::npos) << text;
  EXPECT_EQ(parse_recipe(text, "r").run.data, recipe.run.data);
  ASSERT_EQ(parse_recipe(text, "r").guidance.teachers.size(), 3u);
  EXPECT_EQ(parse_recipe(text, "r").guidance.teachers[1].weight, "score");
  EXPECT_EQ(recipe.without_run().run.data, "");
}

// So that an arm of a study can have teachers of its own.
TEST(Recipe, AnOverrideSetsFurtherTeachers) {
  const std::string text = "[[guidance.teachers]]\nfile = 'a'\n[[guidance.teachers]]\nfile = 'b'\n";
  const Recipe recipe = parse_recipe(text, "r", {"guidance.teachers=[{file = 'c', pair = 0.5}]"});
  ASSERT_EQ(recipe.guidance.teachers.size(), 2u);
  EXPECT_EQ(recipe.guidance.teachers[1].file, "c");
  EXPECT_EQ(recipe.guidance.teachers[1].pair, 0.5);
  EXPECT_EQ(parse_recipe(text, "r", {"guidance.teachers=[]"}).guidance.teachers.size(), 1u);
}

TEST(Recipe, KeysBelongToTheirFamily) {
  expect_error([] { parse_recipe("[network]\nattention = 8\n", "r.toml"); },
               {"r.toml", "network.attention", "stylegan2", "channel_base"});
  expect_error([] { parse_recipe("", "r.toml", {"training.d_steps=2"}); }, {"--set", "training.d_steps", "stylegan2"});
  expect_error([] { parse_recipe("family = 'biggan'\n[training]\nr1_gamma = 1\n", "r.toml"); },
               {"training.r1_gamma", "biggan", "d_steps"});
  expect_error([] { parse_recipe("family = 'vqgan'\n", "r.toml"); }, {"r.toml", "vqgan", "stylegan2 or biggan"});
  EXPECT_EQ(parse_recipe("", "r", {"family=biggan", "network.attention=8"}).family, "biggan");
}

// Runs of earlier versions hold the keys of every family, those of others with their defaults.
// A caller can tell a bad key from a file that is missing.
TEST(Recipe, ErrorsHaveKinds) {
  EXPECT_THROW(load_recipe("none.toml"), FileError);
  try {
    parse_recipe("[training]\nbatch = 0\n", "r.toml");
    FAIL() << "no error";
  } catch (const FileError&) {
    FAIL() << "a bad value is not a bad file";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "r.toml: training.batch = 0: expected 1 to 65536");
  }
}

TEST(Recipe, StoredOnesOfEarlierVersionsAreRead) {
  const std::string old = "[network]\nattention = 0\nchannels = 64\ninit = 'orthogonal'\n[training]\nepochs = 10\n";
  const std::string run = "[run]\ncommand = 'train'\n";
  EXPECT_NO_THROW(parse_recipe(old + run, "recipe.toml"));
  expect_error([&] { parse_recipe(old, "recipe.toml"); }, {"is not a key of a recipe of stylegan2"});
  // They knew no start from a teacher.
  EXPECT_EQ(parse_recipe(run, "recipe.toml").init, "random");
  EXPECT_EQ(parse_recipe(run, "recipe.toml").guidance.stage1, "alone");
  EXPECT_EQ(parse_recipe(run, "recipe.toml").with_default_start().init, "auto");
  EXPECT_EQ(parse_recipe("[student]\ninit = 'teacher'\n" + run, "recipe.toml").init, "teacher");
  expect_error([&] { parse_recipe("[network]\nattention = 8\n" + run, "recipe.toml"); }, {"network.attention"});
}

// How a teacher came about says nothing of its students.
TEST(Recipe, ADefaultStartDropsAllThatIsOfTheStudent) {
  const Recipe recipe = parse_recipe(
      "family = 'cyclegan'\n[student]\npart = 'pair_discriminators'\nwidth = '1'\ndiscriminator_freeze = 2\n"
      "[training]\npair_judge = 0.2\nlr = 0.001\n",
      "r");
  const std::string text = recipe_toml(recipe.with_default_start());
  for (const char* line : {"\npart = 'both'\n", "\nwidth = '1/2'\n", "\ndiscriminator_freeze = 0\n",
                           "\npair_judge = 0.2\n", "\nlr = 0.001\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

TEST(Recipe, EqualStage1sHaveEqualText) {
  Recipe a, b;
  b.teacher().lambda = 3;
  b.guidance.interval = 4;
  b.guidance.for_discriminator.align = 1;
  b.guidance.stage2_kimg = 7;
  EXPECT_NE(recipe_toml(a), recipe_toml(b));
  EXPECT_EQ(recipe_toml(a.stage1()), recipe_toml(b.stage1()));
  b.guidance.stage1_kimg = 7;
  EXPECT_NE(recipe_toml(a.stage1()), recipe_toml(b.stage1()));
  a.guidance.stage1_kimg = 7;
  b.guidance.distill_distance = "pixel";
  EXPECT_NE(recipe_toml(a.stage1()), recipe_toml(b.stage1()));
}

TEST(Recipe, EveryShippedOneIsValid) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(DGL_SOURCE_DIR) / "recipes")) {
    EXPECT_NO_THROW(load_recipe(entry.path())) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 3);
}

struct Bad {
  const char* text;
  std::vector<std::string> overrides;
  std::vector<std::string> says;
};

class BadRecipe : public ::testing::TestWithParam<Bad> {};

TEST_P(BadRecipe, IsRefused) {
  const Bad& bad = GetParam();
  expect_error([&] { parse_recipe(bad.text, "my.toml", bad.overrides); }, bad.says);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, BadRecipe,
    ::testing::Values(Bad{"[training]\nbtach = 3\n", {}, {"my.toml", "training.btach", "not a key"}},
                      Bad{"color = 3\n", {}, {"my.toml", "color"}},
                      Bad{"[training]\nbatch = 'x'\n", {}, {"training.batch", "whole number"}},
                      Bad{"[training]\nbatch = 1.5\n", {}, {"training.batch", "whole number"}},
                      Bad{"[training]\nbatch_generator = 64\n", {}, {"batch_generator = 64", "32 at most"}},
                      Bad{"[training]\nbatch = 8\naccumulations = 2\nbatch_generator = 6\n",
                          {},
                          {"my.toml", "training.batch_generator = 6", "multiple of batch / accumulations = 4"}},
                      Bad{"[training]\nbatch = 0\n", {}, {"training.batch", "= 0", "1 to"}},
                      Bad{"[training]\nlr = nan\n", {}, {"training.lr"}},
                      Bad{"[training]\nmirror = 1\n", {}, {"training.mirror", "true or false"}},
                      Bad{"[training]\nprecision = 'fp8'\n", {}, {"precision", "fp8", "fp32"}},
                      Bad{"[network]\nresolution = 48\n", {}, {"resolution", "power of two"}},
                      Bad{"[student]\nwidth = '2'\n", {}, {"student.width", "\"2\""}},
                      Bad{"[guidance]\nschedule = 'sine'\n", {}, {"guidance.schedule", "sine", "cosine"}},
                      Bad{"[guidance]\nweight = 'loud'\n", {}, {"guidance.weight", "loud", "score"}},
                      Bad{"[guidance]\ninterval = 0\n", {}, {"guidance.interval", "= 0", "1 to"}},
                      Bad{"[training]\naugment = 'flip'\n", {}, {"training.augment", "flip", "cutout"}},
                      Bad{"[training]\nada_target = 0.6\n", {}, {"training.ada_target", "training.augment"}},
                      Bad{"[guidance]\nteacher_data = 2\n", {}, {"guidance.teacher_data", "0 to 1"}},
                      Bad{"[guidance]\nteachers = 3\n", {}, {"[[guidance.teachers]]"}},
                      Bad{"[[guidance.teachers]]\nlambda = 1\n", {}, {"without a file"}},
                      Bad{"", {"guidance.teachers=b"}, {"--set guidance.teachers=b", "[[guidance.teachers]]"}},
                      Bad{"", {"guidance.teachers=[{pair=1}]"}, {"--set", "without a file"}},
                      Bad{"[guidance]\npair = -0.5\n", {}, {"guidance.pair = -0.5", "0 or more, or -1"}},
                      Bad{"[[guidance.teachers]]\nfile = 'a'\nlamda = 1\n", {}, {"guidance.teachers.lamda"}},
                      Bad{"family = \n", {}, {"my.toml", "line 1"}}, Bad{"", {"training.batch"}, {"KEY=VALUE"}},
                      Bad{"", {"training.none=3"}, {"--set", "training.none"}},
                      Bad{"", {"training.batch=x"}, {"--set training.batch=x", "whole number"}}));

}  // namespace
}  // namespace dgl::test
