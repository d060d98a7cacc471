#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/folder_lock.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// The folder that a run writes: recipe.toml, log.jsonl, samples/, checkpoints/, best.safetensors, model.safetensors,
/// events/, summary.json, report.html (docs/formats.md). Knows the files' names and positions, not their content.
class RunDirectory {
 public:
  /// Creates a run directory and writes the recipe. Throws Error if `path` exists and is not an empty folder, unless
  /// `overwrite` is set. `overwrite` removes the files of an earlier run and nothing else. Even then, throws Error if:
  /// - the folder holds no run
  /// - a process is working in it
  /// - the recipe's own teachers, data, features or stage 1 are in it
  static RunDirectory create(const std::filesystem::path& path, const Recipe& recipe, bool overwrite);
  /// Opens a run directory to continue. Throws Error if `path` is not a run directory.
  static RunDirectory open(const std::filesystem::path& path);

  /// Keeps other processes from working in the folder until the lock is destroyed. Throws Error if one already does.
  [[nodiscard]] std::unique_ptr<FolderLock> lock() const;

  Recipe recipe() const;

  std::filesystem::path path() const { return path_; }
  std::filesystem::path model() const { return path_ / "model.safetensors"; }
  std::filesystem::path best() const { return path_ / "best.safetensors"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  std::filesystem::path log() const { return path_ / "log.jsonl"; }
  std::filesystem::path events() const { return path_ / "events"; }
  std::filesystem::path sample(const std::string& name) const { return path_ / "samples" / (name + ".png"); }
  std::filesystem::path checkpoint(int64_t step) const;
  /// The checkpoint of an interrupt between two regular checkpoints. The next regular one removes it.
  std::filesystem::path interrupted() const { return path_ / "checkpoints" / "interrupted.safetensors"; }
  /// The end of stage `number`, kept so that other runs can start from it.
  std::filesystem::path stage_end(int64_t number) const;

  /// Returns the regular checkpoints, newest first.
  std::vector<std::filesystem::path> checkpoints() const;
  /// Returns the regular checkpoints and that of an interrupt, newest first.
  std::vector<std::filesystem::path> resume_points() const;
  /// Removes the checkpoint of an interrupt, all regular checkpoints but the newest `keep`, and files of interrupted
  /// writes.
  void prune(int64_t keep) const;

  /// Appends one line to the log and syncs it to disk.
  void append_log(const nlohmann::json& line) const;
  /// log_size() returns the length of the log in bytes. truncate_log() cuts it back when a run continues from an
  /// earlier point.
  uint64_t log_size() const;
  void truncate_log(uint64_t size) const;

 private:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace dgl
