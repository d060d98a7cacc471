#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "dgl/formats/bytes.h"

namespace dgl {

/// The position of an entry's bytes in a zip archive, `stored` of them, and how many they stand for.
struct ZipEntry {
  uint64_t offset, stored, size;
  uint32_t crc;
  bool deflated;
};

/// Returns the entries of a zip or zip64 archive, stored or deflated. Every offset and size is checked against the
/// archive. Throws Error, naming `origin`, for a broken archive, an encrypted entry or one compressed in another way, a
/// duplicate name, entries that share bytes, or entries that together expand to more than 32 times the archive and 64
/// MiB.
std::map<std::string, ZipEntry> read_zip_directory(const Bytes& archive, const std::string& origin);

/// Returns the bytes of an entry: a part of the archive if they are stored, else a copy. Throws Error, naming `what`,
/// if they are damaged or do not match their size or CRC-32.
Bytes read_zip_entry(const Bytes& archive, const ZipEntry& entry, const std::string& what);

}  // namespace dgl
