#pragma once

#include <filesystem>
#include <functional>

namespace dgl {

/// Keeps other processes from working in a folder: a lock on the file `path`, which child processes started meanwhile
/// hold, too, until they end. The file itself means nothing and stays.
class FolderLock {
 public:
  /// Waits for the lock, and calls `wait` five times a second while another process holds it. Error if the file cannot
  /// be made.
  FolderLock(const std::filesystem::path& path, const std::function<void()>& wait);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

}  // namespace dgl
