#pragma once

#include <map>
#include <string>

#include "dgl/formats/bytes.h"

namespace dgl {

/// Where the bytes of one entry of a zip archive lie in it.
struct ZipEntry {
  uint64_t offset, size;
  uint32_t crc;
};

/// The entries of a zip archive whose files are stored, not compressed, as torch.save writes it; zip64 too. Every
/// offset and size is checked against the archive. Error (naming `origin`) for a broken archive, a compressed or
/// encrypted entry, a name that comes twice, entries that share bytes.
std::map<std::string, ZipEntry> read_zip_directory(const Bytes& archive, const std::string& origin);

/// The bytes of an entry, checked against its CRC-32.
Bytes read_zip_entry(const Bytes& archive, const ZipEntry& entry, const std::string& what);

}  // namespace dgl
