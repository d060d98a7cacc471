#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/folder_lock.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// The folder that a run writes: recipe.toml, log.jsonl, samples/, checkpoints/, best.safetensors, model.safetensors,
/// summary.json, report.html (docs/formats.md). Knows names and places, not what stands in the files.
class RunDirectory {
 public:
  /// Makes a new one with the recipe in it. Error if `path` exists and is not an empty folder, unless `overwrite`,
  /// which removes what an earlier run left there, and nothing else. It refuses a folder that holds no run, one that a
  /// process works in, and one that the recipe's own teachers, data or stage 1 lie in.
  static RunDirectory create(const std::filesystem::path& path, const Recipe& recipe, bool overwrite);
  /// Opens one to go on. Error if `path` is not a run directory.
  static RunDirectory open(const std::filesystem::path& path);

  /// Keeps other processes from working in it for as long as the lock lives. Error if one does.
  [[nodiscard]] std::unique_ptr<FolderLock> lock() const;

  Recipe recipe() const;

  std::filesystem::path path() const { return path_; }
  std::filesystem::path model() const { return path_ / "model.safetensors"; }
  std::filesystem::path best() const { return path_ / "best.safetensors"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  std::filesystem::path log() const { return path_ / "log.jsonl"; }
  std::filesystem::path sample(const std::string& name) const { return path_ / "samples" / (name + ".png"); }
  std::filesystem::path checkpoint(int64_t step) const;
  /// Where an interrupt came between two checkpoints; gone with the next one.
  std::filesystem::path interrupted() const { return path_ / "checkpoints" / "interrupted.safetensors"; }
  /// The end of stage `number`, kept for other runs to start from.
  std::filesystem::path stage_end(int64_t number) const;

  /// Checkpoints on the disk but that of an interrupt, the newest first.
  std::vector<std::filesystem::path> checkpoints() const;
  /// The same with that of an interrupt.
  std::vector<std::filesystem::path> resume_points() const;
  /// Removes all but the newest `keep` checkpoints, that of an interrupt before them, and what an interrupted write
  /// left.
  void prune(int64_t keep) const;

  /// Appends one line to the log and syncs it.
  void append_log(const nlohmann::json& line) const;
  /// Length of the log in bytes; and cuts it back to a length, when a run goes on from an earlier point.
  uint64_t log_size() const;
  void truncate_log(uint64_t size) const;

 private:
  explicit RunDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

}  // namespace dgl
