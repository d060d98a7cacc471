#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace dgl {

namespace fs = std::filesystem;

/// A file that appears under its name either complete or not at all. Bytes go to `PATH.partial-PID`, which commit()
/// syncs to the disk and renames. Without commit() the destructor removes it. Throws Error, naming the path, if the
/// file cannot be created, written (a full disk) or renamed.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// Appends `size` bytes.
  void write(const void* data, size_t size);
  void write(std::string_view text) { write(text.data(), text.size()); }

  /// Makes the file visible under its name. Replaces an existing file.
  void commit();

 private:
  void forget() const;

  fs::path path_, temporary_;
  int descriptor_ = -1;
};

/// Removes the temporary files of all AtomicFiles that are not committed. The handler of a signal that ends the process
/// may call it.
void remove_partial_files() noexcept;

/// Writes `text` to `path` through an AtomicFile.
void write_file(const fs::path& path, std::string_view text);

/// Returns the whole content of `path`. Throws Error if it is missing, unreadable, not a regular file or longer than
/// `max_bytes`.
std::string read_file(const fs::path& path, uint64_t max_bytes = uint64_t{1} << 30);

/// Throws Error if `path` exists and `overwrite` is false. Does not remove an existing file: writing replaces it.
void refuse_existing(const fs::path& path, bool overwrite);

/// A read-only memory map of a whole file. Throws Error if the file is missing, unreadable, empty or not a regular
/// file.
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
