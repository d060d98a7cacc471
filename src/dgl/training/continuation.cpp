#include "dgl/training/continuation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/hash.h"
#include "dgl/base/paths.h"

namespace dgl {

namespace {

/// Tables and keys that a run keeps from its beginning to its end.
void check_changeable(const std::string& text) {
  constexpr std::array kTables{"network", "discriminator", "student", "run"};
  constexpr std::array kKeys{"family", "training.seed", "guidance.stage1", "guidance.stage1_kimg"};
  const std::string name = text.substr(0, text.find('='));
  const std::string table = name.substr(0, name.find('.'));
  const bool fixed = std::find(kTables.begin(), kTables.end(), table) != kTables.end() ||
                     std::find(kKeys.begin(), kKeys.end(), name) != kKeys.end();
  if (!fixed) return;
  fail(
      "--set {}: a run keeps its networks, its seed, how it began and stage 1 to its end; expected another key of "
      "training, guidance, evaluation or ops",
      text);
}

/// A hash of a file's size, of its first and last megabyte and of pieces evenly spaced between them.
uint64_t fingerprint(const std::string& path) {
  constexpr size_t kEdge = size_t{1} << 20, kPiece = 4096, kPieces = 64;
  const MappedFile file(path);
  const size_t size = file.size(), edge = std::min(size, kEdge);
  const uint8_t* data = file.data();
  uint64_t hash = xxh64(data, edge, size);
  hash = xxh64(data + (size - edge), edge, hash);
  for (size_t i = 0; i < kPieces && size > kPiece; ++i) {
    hash = xxh64(data + (size - kPiece) / kPieces * i, kPiece, hash);
  }
  return hash;
}

}  // namespace

Recipe changed_recipe(const Recipe& recipe, const RunChanges& changes) {
  for (const std::string& text : changes.overrides) check_changeable(text);
  std::vector<std::string> overrides = changes.overrides;
  if (changes.kimg) {
    overrides.push_back(
        fmt::format("{}={}", recipe.has_student() ? "guidance.stage2_kimg" : "training.kimg", *changes.kimg));
  }
  Recipe before = recipe;
  Recipe changed = parse_recipe(recipe_toml(recipe), "the run's recipe", overrides);
  const auto was = before.files(), now = changed.files();
  for (size_t i = 0; i < now.size(); ++i) {
    if (*now[i].name != *was[i].name) *now[i].path = absolute_path(*now[i].name);
  }
  auto& teachers = changed.guidance.teachers;
  for (size_t i = 1; i < teachers.size(); ++i) teachers[i].file = absolute_path(teachers[i].file);
  if (!changes.data.empty()) changed.run.data = absolute_path(changes.data);
  if (!changes.data_b.empty()) {
    if (changed.run.data_b.empty()) fail("--data-b: a {} has one domain of data", recipe.family);
    changed.run.data_b = absolute_path(changes.data_b);
  }
  if (!changes.teacher.empty()) {
    if (!changed.has_student()) fail("--teacher: a run of dgl train has none");
    changed.teacher().file = absolute_path(changes.teacher);
  }
  return changed;
}

std::vector<std::string> recipe_differences(const Recipe& before, const Recipe& after) {
  Recipe one = before, other = after;
  const auto was = recipe_keys(one), now = recipe_keys(other);
  std::vector<std::string> all;
  for (size_t i = 0; i < was.size(); ++i) {
    if (was[i].table == "run" || was[i].toml() == now[i].toml()) continue;
    all.push_back(fmt::format("{} {}, now {}", was[i].full_name(), was[i].toml(), now[i].toml()));
  }
  return all;
}

void reopen_last_stage(TrainingSession& session) {
  RunState& state = session.state;
  const auto count = static_cast<int64_t>(session.stages.size());
  if (state.stage > count && !state.stages.empty()) {
    StageRecord& record = state.stages.back();
    const int64_t images = std::llround((record.kimg_end - record.kimg_start) * 1000);
    if (images >= session.stages.back().images) return;
    state.stage = count;
    state.stage_images = images;
    record.judges_end.clear();
  }
  state.ticks = static_cast<int64_t>(static_cast<double>(state.stage_images) / (session.recipe.checkpoint_kimg * 1000));
}

std::string fingerprint_of(const Recipe& recipe) {
  std::string all;
  for (const std::string& file : recipe.data_files()) all += hex64(fingerprint(file));
  return all;
}

}  // namespace dgl
