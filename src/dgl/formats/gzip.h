#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace dgl {

/// The content of a file, unpacked if it is gzip; Error if it is (or grows to) more than `max_bytes`, or is damaged.
std::string read_maybe_gzip(const std::filesystem::path& path, uint64_t max_bytes);

/// The first `size` bytes of a file, unpacked if it is gzip; fewer where it is shorter or damaged.
std::string read_start(const std::filesystem::path& path, size_t size);

/// The regular files of a tar archive (ustar, names up to 255 bytes) in memory, by name. Error naming `origin` if it is
/// damaged.
std::map<std::string, std::string> read_tar(const std::string& archive, const std::string& origin);

}  // namespace dgl
