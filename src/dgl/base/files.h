#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dgl {

namespace fs = std::filesystem;

/// A file that appears under its name whole or not at all: bytes go to `PATH.partial-PID`, commit() syncs it to the
/// disk and renames it. Without commit() the destructor removes what was written.
/// Throws Error that names the path where it cannot be created, written (a full disk) or renamed.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends `size` bytes.
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Makes the file visible under its name, replacing one that is there.
  void commit();

 private:
  void forget() const;

  fs::path path_, temporary_;
  int descriptor_ = -1;
};

/// Removes what every AtomicFile that is not committed has written: for the handler of a signal that ends the process.
void remove_partial_files() noexcept;

/// Writes `text` to `path` through an AtomicFile.
void write_file(const fs::path& path, std::string_view text);

/// The whole content of `path`; Error if it is missing, unreadable, not a regular file or longer than `max_bytes`.
std::string read_file(const fs::path& path, uint64_t max_bytes = uint64_t{1} << 30);

/// Error if `path` exists and `overwrite` is false. With `overwrite`, leaves it to be replaced.
void refuse_existing(const fs::path& path, bool overwrite);

/// A read-only memory map of a whole file. Error if it is missing, unreadable, empty or not a regular file.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace dgl
