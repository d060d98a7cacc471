#include "dgl/run/run_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <regex>
#include <utility>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/files.h"

namespace dgl {

namespace {

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("{}: cannot be made: {}", path.string(), error.message());
}

/// The files of a run. Nothing else in its folder is ever removed.
constexpr const char* kNames[] = {"recipe.toml",      "log.jsonl",         "samples",      "checkpoints",
                                  "best.safetensors", "model.safetensors", "summary.json", "report.html",
                                  "demo.html",        "output.txt",        "events"};

bool is_partial(const fs::path& path) { return path.filename().string().find(".partial-") != std::string::npos; }

/// True if a folder contains nothing but files of interrupted writes.
bool is_fresh(const fs::path& path) {
  return std::all_of(fs::directory_iterator(path), fs::directory_iterator(),
                     [](const auto& entry) { return is_partial(entry.path()); });
}

/// Throws Error if the new run needs files of the run that it replaces.
void refuse_inputs_within(const fs::path& path, const Recipe& recipe) {
  std::vector<std::string> inputs{recipe.run.data,           recipe.run.data_b,      recipe.run.features,
                                  recipe.run.judge_features, recipe.run.from_stage1, recipe.run.from_model};
  for (const TeacherRecipe& teacher : recipe.guidance.teachers) inputs.push_back(teacher.file);
  for (const std::string& input : inputs) {
    if (input.empty()) continue;
    const fs::path inside = fs::weakly_canonical(input).lexically_relative(fs::weakly_canonical(path));
    if (!inside.empty() && *inside.begin() != "..") {
      fail("{}: lies in the run directory {}, which would be replaced", input, path.string());
    }
  }
}

}  // namespace

RunDirectory RunDirectory::create(const fs::path& path, const Recipe& recipe, bool overwrite) {
  if (path.empty()) fail("the run directory: expected a name, got an empty one");
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) {
    if (!fs::is_directory(path)) fail("{}: exists and is not a folder", path.string());
    if (!is_fresh(path)) {
      if (!overwrite) fail("{}: exists already; give --overwrite to replace it, or dgl resume to go on", path.string());
      if (!fs::exists(path / "recipe.toml") || !fs::exists(path / "log.jsonl")) {
        fail("{}: is not a run directory, so it is not replaced", path.string());
      }
      refuse_inputs_within(path, recipe);
      const auto alone = RunDirectory(path).lock();
      for (const char* name : kNames) {
        fs::remove_all(path / name, error);
        if (error) fail("{}: cannot be removed: {}", (path / name).string(), error.message());
      }
    }
  }
  make_folder(path);
  write_file(path / "recipe.toml", recipe_toml(recipe));
  write_file(path / "log.jsonl", "");
  return open(path);
}

RunDirectory RunDirectory::open(const fs::path& path) {
  if (!fs::is_directory(path)) fail("{}: expected a run directory", path.string());
  if (!fs::is_regular_file(path / "recipe.toml")) fail("{}: not a run directory: it has no recipe.toml", path.string());
  make_folder(path / "samples");
  make_folder(path / "checkpoints");
  return RunDirectory(path);
}

std::unique_ptr<FolderLock> RunDirectory::lock() const {
  return std::make_unique<FolderLock>(path_ / "run.lock",
                                      [this] { fail("{}: another process works in it", path_.string()); });
}

Recipe RunDirectory::recipe() const { return load_recipe(path_ / "recipe.toml"); }

fs::path RunDirectory::checkpoint(int64_t step) const {
  return path_ / "checkpoints" / fmt::format("{:06d}.safetensors", step);
}

fs::path RunDirectory::stage_end(int64_t number) const {
  return path_ / "checkpoints" / fmt::format("stage{}.safetensors", number);
}

std::vector<fs::path> RunDirectory::checkpoints() const {
  static const std::regex name("[0-9]{6,18}\\.safetensors");
  std::vector<std::pair<int64_t, fs::path>> found;
  for (const auto& entry : fs::directory_iterator(path_ / "checkpoints")) {
    const std::string file = entry.path().filename().string();
    if (std::regex_match(file, name)) found.emplace_back(std::stoll(file), entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<fs::path> paths;
  for (auto& [step, path] : found) paths.push_back(path);
  return paths;
}

std::vector<fs::path> RunDirectory::resume_points() const {
  auto paths = checkpoints();
  if (!fs::exists(interrupted())) return paths;
  // It is older than the newest only if the program was killed before removing it.
  const bool older = !paths.empty() && fs::last_write_time(interrupted()) < fs::last_write_time(paths.front());
  paths.insert(paths.begin() + (older ? 1 : 0), interrupted());
  return paths;
}

void RunDirectory::prune(int64_t keep) const {
  std::error_code ignored;
  const auto all = checkpoints();
  for (size_t i = static_cast<size_t>(keep); i < all.size(); ++i) fs::remove(all[i], ignored);
  fs::remove(interrupted(), ignored);
  for (const fs::path& folder : {path_, path_ / "checkpoints", path_ / "samples"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (is_partial(entry.path())) fs::remove(entry.path(), ignored);
    }
  }
}

void RunDirectory::append_log(const nlohmann::json& line) const {
  const std::string text = json_text(line) + "\n";
  const int descriptor = ::open(log().c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail("{}: cannot be written: {}", log().string(), std::strerror(errno));
  const bool whole =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const int why = errno;
  ::close(descriptor);
  if (!whole)
    fail("{}: cannot be written: {}", log().string(),
         why == ENOSPC ? "no space left on the device" : std::strerror(why));
}

uint64_t RunDirectory::log_size() const {
  std::error_code error;
  const auto size = fs::file_size(log(), error);
  return error ? 0 : size;
}

void RunDirectory::truncate_log(uint64_t size) const {
  if (log_size() <= size) return;
  std::error_code error;
  fs::resize_file(log(), size, error);
  if (error) fail("{}: cannot be written: {}", log().string(), error.message());
}

}  // namespace dgl
