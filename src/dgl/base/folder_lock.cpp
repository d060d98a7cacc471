#include "dgl/base/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "dgl/base/error.h"

namespace dgl {

FolderLock::FolderLock(const std::filesystem::path& path, const std::function<void()>& wait)
    : descriptor_(::open(path.c_str(), O_RDWR | O_CREAT, 0644)) {
  if (descriptor_ < 0) fail_file("{}: cannot be made: {}", path.string(), std::strerror(errno));
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == ENOSYS || errno == ENOLCK || errno == EOPNOTSUPP) {  // as on a cluster's file system
      fmt::print(stderr, "{}: its file system has no locks, so nothing keeps a second process from working there\n",
                 path.string());
      return;
    }
    if (errno != EWOULDBLOCK && errno != EINTR)
      fail_file("{}: cannot be locked: {}", path.string(), std::strerror(errno));
    try {
      wait();
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

FolderLock::~FolderLock() { ::close(descriptor_); }

}  // namespace dgl
