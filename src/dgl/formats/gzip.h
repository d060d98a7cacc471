#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace dgl {

/// Returns the content of a file, decompressed if it is gzip. Throws Error if the file is damaged, or if it is longer
/// than `max_bytes` before or after decompression.
std::string read_maybe_gzip(const std::filesystem::path& path, uint64_t max_bytes);

/// Returns bytes compressed as a gzip file, without a name or a time: the same bytes give the same file. Throws Error
/// for 4 GiB or more.
std::string gzip(std::string_view bytes);

/// Returns the first `size` bytes of a file, decompressed if it is gzip. Returns fewer if the file is shorter or
/// damaged.
std::string read_start(const std::filesystem::path& path, size_t size);

/// Returns the regular files of a tar archive in memory, by name. Reads ustar with names of up to 255 bytes. Throws
/// Error, naming `origin`, if the archive is damaged.
std::map<std::string, std::string> read_tar(const std::string& archive, const std::string& origin);

}  // namespace dgl
