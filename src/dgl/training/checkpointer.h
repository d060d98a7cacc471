#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "dgl/formats/safetensors.h"
#include "dgl/training/session.h"

namespace dgl {

class Progress;
class RunDirectory;

/// One part of a checkpoint: tensors that it puts into a file under names of its own and takes from there again.
struct StatefulPart {
  std::function<void(TensorFile& file)> put;
  std::function<void(const TensorFile& file, const std::string& origin)> get;
};

/// Writes and reads where a session stands: networks, optimizers, the state of objective, augmentation and guidance,
/// and the run's counters. A checkpoint is also a model file.
class Checkpointer {
 public:
  explicit Checkpointer(TrainingSession& session);

  /// Writes the session to `path`; only the root process does.
  void save(const std::filesystem::path& path) const;
  /// Takes all of a checkpoint into the session. Throws Error that names `origin` if it does not fit.
  void load(const TensorFile& file, const std::string& origin) const;
  /// The same without what belongs to guidance.
  void load_student(const TensorFile& file, const std::string& origin) const;
  /// Loads the first of `paths` that can be read, says which ones cannot, and cuts the run's log back to it. Throws
  /// Error if none can be read.
  void load_newest(const RunDirectory& directory, const std::vector<std::filesystem::path>& paths,
                   Progress& progress) const;

 private:
  TrainingSession& session_;
  std::vector<StatefulPart> student_, guidance_;
};

}  // namespace dgl
