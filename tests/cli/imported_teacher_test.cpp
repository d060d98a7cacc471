#include <nlohmann/json.hpp>

#include "cli/teacher_of_squares.h"
#include "dgl/formats/safetensors.h"

namespace dgl::test {
namespace {

/// A teacher as another program keeps it, whose recipe is not known.
class ImportedTeacher : public WithTeacherOfSquares<ImportedTeacher> {
 public:
  static constexpr const char* kTables = R"(
[training]
batch = 8
kimg = 0.032
r1_interval = 4
[guidance]
stage1_kimg = 0.016
stage2_kimg = 0.016
)";

  static void SetUpTestSuite() {
    WithTeacherOfSquares::SetUpTestSuite();
    expect_success(run({"export", "--model", "teacher/model.safetensors", "--to", "stylegan2-pytorch", "--out",
                        "theirs.safetensors"}));
    expect_success(run({"import", "theirs.safetensors", "--out", "imported.safetensors"}));
  }

 protected:
  static Outcome expect_refused(const Words& words, const Words& says) {
    const Outcome outcome = run(words);
    EXPECT_EQ(outcome.status, 1) << outcome.out;
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    for (const auto& word : says) EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err;
    return outcome;
  }
  static Words compress_imported(const std::string& out, const Words& more) {
    Words words{"compress", "--teacher", "imported.safetensors", "--data", "d.dgldata", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static inline const Words kShort{"--stage1-kimg", "0.016", "--stage2-kimg", "0.016", "--set", "training.batch=8"};
};

TEST_F(ImportedTeacher, ItsNetworksAreTheRecipes) {
  Words words = compress_imported("half", kShort);
  const Outcome outcome = run(words);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("does not say how it was trained"), std::string::npos) << outcome.out;
  const auto student = json_of("half/summary.json")["student"]["generator"]["params"].get<int64_t>(),
             teacher = json_of("half/summary.json")["teacher"]["generator"]["params"].get<int64_t>();
  EXPECT_LT(student, teacher);
  const TensorFile half = load_safetensors(at("half/model.safetensors"));
  EXPECT_EQ(half.at("generator_ema.mapping.fc0.weight", "half").size(0), 8);
  const std::string recipe = read_file(at("half/recipe.toml"));
  for (const char* line : {"w_dim = 8", "mapping_layers = 2", "channel_max = 8", "init = 'teacher'"}) {
    EXPECT_NE(recipe.find(line), std::string::npos) << line;
  }
}

TEST_F(ImportedTeacher, ARecipeThatContradictsItIsRefused) {
  Words words = compress_imported("wide", kShort);
  for (const char* word : {"--recipe", "r.toml", "--set", "network.w_dim=12", "--set", "network.channel_max=16"}) {
    words.emplace_back(word);
  }
  expect_refused(words, {"imported.safetensors", "network.w_dim = 12 where it has 8", "channel_max = 16",
                         "student.init = \"random\""});
  EXPECT_FALSE(fs::exists(at("wide")));
  // From random weights it may have other layers, but not more parameters.
  words.insert(words.end(), {"--set", "student.init=random", "--width"});
  const auto at_width = [&](const char* width) {
    Words all = words;
    all.emplace_back(width);
    return all;
  };
  expect_refused(at_width("1"), {"imported.safetensors", "parameters", "--width"});
  EXPECT_FALSE(fs::exists(at("wide")));
  expect_success(run(at_width("1/4")));
}

TEST_F(ImportedTeacher, TrainingStartsFromIt) {
  const Words start{"train", "--from", "imported.safetensors", "--data", "d.dgldata", "--set", "training.batch=8"};
  const auto with = [&](const Words& more) {
    Words words = start;
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  // One step of no size leaves all weights.
  expect_success(run(with({"--out", "same", "--set", "training.kimg=0.008", "--set", "training.lr=0"})));
  const TensorFile same = load_safetensors(at("same/model.safetensors")),
                   before = load_safetensors(at("imported.safetensors"));
  for (const auto& [name, tensor] : before.tensors) {
    if (name.ends_with("w_avg")) continue;  // follows the latents of a step
    // The average moves towards the network by what its half-life of 10 kimg allows in 8 images.
    const double bound = name.starts_with("generator_ema.") ? 1e-2 : 0;
    EXPECT_LE((same.at(name, "same") - tensor).abs().max().item<double>(), bound) << name;
  }
  expect_success(run(with({"--out", "tuned", "--recipe", "r.toml", "--set", "student.discriminator_freeze=1"})));
  const TensorFile tuned = load_safetensors(at("tuned/model.safetensors"));
  int frozen = 0, moved = 0;
  for (const auto& [name, tensor] : before.tensors) {
    if (!name.starts_with("discriminator.")) continue;
    (tuned.at(name, "tuned").equal(tensor) ? frozen : moved)++;
  }
  EXPECT_GT(frozen, 2);
  EXPECT_GT(moved, 2);
  EXPECT_NE(json_of("tuned/summary.json")["remake"].get<std::string>().find("--from"), std::string::npos);
  expect_refused(with({"--out", "no", "--recipe", "r.toml", "--set", "network.w_dim=12"}),
                 {"imported.safetensors", "network.w_dim = 12 where it has 8"});
  EXPECT_EQ(run(with({"--out", "no", "--recipe", "f.toml"})).status, 2);  // a feature network
  EXPECT_FALSE(fs::exists(at("no")));
}

// Names of files are bytes, not always UTF-8.
TEST_F(ImportedTeacher, ARunInAFolderOfAnyBytesResumes) {
  const std::string name =
      "b\xe9"
      "b\xe9";
  fs::create_directory(at(name));
  fs::copy(at("d.dgldata"), at(name + "/d\xff.dgldata"));
  const Words train{"train", "--recipe", "r.toml", "--data", name + "/d\xff.dgldata", "--out", name + "/run"};
  expect_success(run(train));
  EXPECT_TRUE(fs::exists(at(name + "/run/report.html")));
  fs::remove(at(name + "/run/summary.json"));
  expect_success(run({"resume", name + "/run"}));
  EXPECT_TRUE(fs::exists(at(name + "/run/summary.json")));
  expect_success(run({"resume", name + "/run", "--kimg", "0.048"}));
}

}  // namespace
}  // namespace dgl::test
