#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dgl/formats/bytes.h"

namespace dgl {

/// The position of an entry's bytes in a zip archive.
struct ZipEntry {
  uint64_t offset, size;
  uint32_t crc;
};

/// Returns the entries of a zip or zip64 archive. They must be stored, not compressed, as torch.save writes them. Every
/// offset and size is checked against the archive. Throws Error, naming `origin`, for a broken archive, a compressed or
/// encrypted entry, a duplicate name, or entries that share bytes.
std::map<std::string, ZipEntry> read_zip_directory(const Bytes& archive, const std::string& origin);

/// Returns the bytes of an entry. Throws Error, naming `what`, if they do not match its CRC-32.
Bytes read_zip_entry(const Bytes& archive, const ZipEntry& entry, const std::string& what);

}  // namespace dgl
