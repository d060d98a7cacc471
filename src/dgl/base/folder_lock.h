#pragma once

#include <filesystem>
#include <functional>

namespace dgl {

/// Keeps other processes from working in a folder, by a lock on the file `path`. Child processes that are started
/// meanwhile also hold the lock until they end. The file has no content and is not removed. On a file system without
/// locks it prints that to stderr, and keeps nobody away.
class FolderLock {
 public:
  /// Waits for the lock. Calls `wait` five times a second while another process holds it. Throws Error if the file
  /// cannot be created or locked.
  FolderLock(const std::filesystem::path& path, const std::function<void()>& wait);
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock();

 private:
  int descriptor_;
};

}  // namespace dgl
