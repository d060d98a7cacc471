#include "dgl/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dgl/base/error.h"

namespace dgl {

namespace {

/// Paths of the temporary files that this process is writing. They are plain pointers without a lock because a signal
/// handler reads them.
std::array<std::atomic<const char*>, 64> partial_files{};

/// Returns the system's message for errno, with a clearer one for a full disk.
std::string reason() {
  if (errno == ENOSPC || errno == EDQUOT) return "no space left on the device";
  return std::strerror(errno);
}

/// Opens a regular file for reading and sets `size`.
int open_regular(const fs::path& path, uint64_t& size) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_file("{}: cannot be opened: {}", path.string(), reason());
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    fail_file("{}: expected a regular file", path.string());
  }
  size = static_cast<uint64_t>(status.st_size);
  return descriptor;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
  temporary_ = path_;
  temporary_ += fmt::format(".partial-{}", ::getpid());
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_file("{}: cannot be written: {}", path_.string(), reason());
  for (auto& place : partial_files) {
    const char* free = nullptr;
    if (place.compare_exchange_strong(free, temporary_.c_str())) break;
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
    forget();
  }
}

void AtomicFile::forget() const {
  for (auto& place : partial_files) {
    const char* own = temporary_.c_str();
    if (place.compare_exchange_strong(own, nullptr)) return;
  }
}

void AtomicFile::write(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_file("{}: cannot be written: {}", path_.string(), reason());
    at += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_file("{}: cannot be written: {}", path_.string(), reason());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    fail_file("{}: cannot be written: {}", path_.string(), reason());
  forget();
  ::close(descriptor_);
  descriptor_ = -1;
  // The rename is durable only after the directory is synced.
  const fs::path directory = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  if (const int at = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); at >= 0) {
    ::fsync(at);
    ::close(at);
  }
}

void remove_partial_files() noexcept {
  for (const auto& place : partial_files) {
    if (const char* path = place.load()) ::unlink(path);
  }
}

void write_file(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

std::string read_file(const fs::path& path, uint64_t max_bytes) {
  uint64_t size = 0;
  const int descriptor = open_regular(path, size);
  if (size > max_bytes) {
    ::close(descriptor);
    fail_file("{}: {} bytes, expected at most {}", path.string(), size, max_bytes);
  }
  std::string text(size, '\0');
  uint64_t filled = 0;
  while (filled < size) {
    const ssize_t got = ::read(descriptor, text.data() + filled, size - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const std::string why = got < 0 ? reason() : "it became shorter while it was read";
      ::close(descriptor);
      fail_file("{}: cannot be read: {}", path.string(), why);
    }
    filled += static_cast<uint64_t>(got);
  }
  ::close(descriptor);
  return text;
}

void refuse_existing(const fs::path& path, bool overwrite) {
  if (!overwrite && fs::exists(fs::symlink_status(path))) {
    fail_file("{}: exists already; give --overwrite to replace it", path.string());
  }
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const int descriptor = open_regular(path, size_);
  if (size_ == 0) {
    ::close(descriptor);
    fail_file("{}: the file is empty", path.string());
  }
  void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const std::string why = at == MAP_FAILED ? reason() : "";
  ::close(descriptor);
  if (at == MAP_FAILED) fail_file("{}: cannot be mapped: {}", path.string(), why);
  data_ = static_cast<const uint8_t*>(at);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace dgl
