#include "dgl/formats/zip.h"

#include <zlib.h>

#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace dgl {

namespace {

// Records of PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3.
constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                   kEnd64Locator = 0x07064b50;
constexpr uint64_t kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20, kCentralSize = 46, kLocalSize = 30;
constexpr uint64_t kMaxComment = 65535;
constexpr uint16_t kZip64Extra = 1, kEncrypted = 1, kStoredMethod = 0, kDeflateMethod = 8;
constexpr uint64_t kMaxExpansion = 32, kFreeExpansion = uint64_t{64} << 20;
constexpr uint32_t kSee64 = 0xffffffff;

struct Directory {
  uint64_t offset, size, entries;
};

template <class T>
T number_at(const Bytes& bytes, uint64_t at) {
  T value;
  std::memcpy(&value, bytes.data + at, sizeof(T));
  return value;
}

/// Finds the record at the archive's end, and the 64-bit record before it if there is one.
Directory find_directory(const Bytes& archive, const std::string& origin) {
  const uint64_t first = archive.size > kEndSize + kMaxComment ? archive.size - kEndSize - kMaxComment : 0;
  for (uint64_t at = archive.size >= kEndSize ? archive.size - kEndSize + 1 : 0; at-- > first;) {
    if (number_at<uint32_t>(archive, at) != kEnd) continue;
    if (number_at<uint16_t>(archive, at + 20) != archive.size - at - kEndSize) continue;
    if (at >= kLocatorSize && number_at<uint32_t>(archive, at - kLocatorSize) == kEnd64Locator) {
      const auto end64 = number_at<uint64_t>(archive, at - kLocatorSize + 8);
      if (at < kEnd64Size + kLocatorSize || end64 > at - kEnd64Size - kLocatorSize ||
          number_at<uint32_t>(archive, end64) != kEnd64) {
        fail_file("{}: a broken zip archive: its 64-bit directory is not where it should be", origin);
      }
      return {number_at<uint64_t>(archive, end64 + 48), number_at<uint64_t>(archive, end64 + 40),
              number_at<uint64_t>(archive, end64 + 32)};
    }
    return {number_at<uint32_t>(archive, at + 16), number_at<uint32_t>(archive, at + 12),
            number_at<uint16_t>(archive, at + 10)};
  }
  fail_file("{}: a zip archive without its directory at the end; perhaps an incomplete download", origin);
}

/// Replaces the fields that refer to the 64-bit extra field by the values there, which have a fixed order.
void read_zip64(std::string_view extra, uint64_t& size, uint64_t& stored, uint64_t& header, const std::string& what) {
  ByteReader fields(reinterpret_cast<const uint8_t*>(extra.data()), extra.size(), what);
  while (fields.left() >= 4) {
    const auto kind = fields.number<uint16_t>();
    const auto length = fields.number<uint16_t>();
    const uint8_t* content = fields.take(length);
    if (kind != kZip64Extra) continue;
    ByteReader numbers(content, length, what);
    for (uint64_t* field : {&size, &stored, &header}) {
      if (*field == kSee64) *field = numbers.number<uint64_t>();
    }
  }
}

/// Inflates all of an entry, which must give exactly its size.
Bytes inflate_entry(const Bytes& archive, const ZipEntry& entry, const std::string& what) {
  constexpr uint64_t kMaxPiece = uint64_t{1} << 30;  // zlib counts in 32 bits
  // A byte of deflated data stands for at most 1032 (zlib.net/zlib_tech.html), so that no size asks for more memory
  // than the archive can fill.
  if (entry.size / 1032 > entry.stored)
    fail_file("{}: is damaged: {} bytes cannot come of {}", what, entry.size, entry.stored);
  const auto content = std::make_shared<std::vector<uint8_t>>(entry.size);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail_file("{}: zlib cannot start", what);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
  uint64_t from = 0, to = 0;
  int status = Z_OK;
  uint8_t none = 0;  // zlib wants an address even if nothing is to be written
  while (status == Z_OK) {
    stream.next_in = const_cast<uint8_t*>(archive.data + entry.offset + from);
    stream.avail_in = static_cast<uInt>(std::min(kMaxPiece, entry.stored - from));
    stream.next_out = entry.size > 0 ? content->data() + to : &none;
    stream.avail_out = static_cast<uInt>(std::min(kMaxPiece, entry.size - to));
    const auto in = stream.avail_in, out = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    from += in - stream.avail_in;
    to += out - stream.avail_out;
  }
  if (status != Z_STREAM_END || to != entry.size || from != entry.stored) {
    fail_file("{}: its deflated bytes are damaged or of another size than the directory says", what);
  }
  return {content->data(), content->size(), content};
}

}  // namespace

std::map<std::string, ZipEntry> read_zip_directory(const Bytes& archive, const std::string& origin) {
  const Directory directory = find_directory(archive, origin);
  if (directory.offset > archive.size || directory.size > archive.size - directory.offset ||
      directory.entries > directory.size / kCentralSize) {
    fail_file("{}: a broken zip archive: its directory does not fit the file", origin);
  }
  ByteReader reader(archive.data + directory.offset, directory.size, origin);
  std::map<std::string, ZipEntry> entries;
  uint64_t expanded = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const uint8_t* at = reader.take(kCentralSize);
    const Bytes fixed{at, kCentralSize, nullptr};
    if (number_at<uint32_t>(fixed, 0) != kCentralHeader) {
      fail_file("{}: a broken zip archive: entry {} of its directory is damaged", origin, i);
    }
    const std::string name(reader.text(number_at<uint16_t>(fixed, 28)));
    const std::string what = fmt::format("{}: zip entry {}", origin, quoted(name));
    uint64_t stored = number_at<uint32_t>(fixed, 20), size = number_at<uint32_t>(fixed, 24),
             header = number_at<uint32_t>(fixed, 42);
    read_zip64(reader.text(number_at<uint16_t>(fixed, 30)), size, stored, header, what);
    reader.take(number_at<uint16_t>(fixed, 32));
    if (number_at<uint16_t>(fixed, 8) & kEncrypted) fail_file("{}: is encrypted", what);
    const auto method = number_at<uint16_t>(fixed, 10);
    if (method != kStoredMethod && method != kDeflateMethod) {
      fail_file("{}: is compressed by method {}; expected one that is stored or deflated", what, method);
    }
    if (method == kStoredMethod && stored != size) fail_file("{}: is stored, but has two sizes", what);
    if (header > archive.size || kLocalSize > archive.size - header ||
        number_at<uint32_t>(archive, header) != kLocalHeader) {
      fail_file("{}: its header is not where the directory says", what);
    }
    const uint64_t offset =
        header + kLocalSize + number_at<uint16_t>(archive, header + 26) + number_at<uint16_t>(archive, header + 28);
    if (offset > archive.size || stored > archive.size - offset) {
      fail_file("{}: its {} bytes go past the end of the file; perhaps an incomplete download", what, stored);
    }
    if (__builtin_add_overflow(expanded, size, &expanded) ||
        expanded / kMaxExpansion > archive.size + kFreeExpansion / kMaxExpansion) {
      fail_file("{}: the entries up to here expand to more than {} times the archive; refusing to read them", what,
                kMaxExpansion);
    }
    const ZipEntry entry{offset, stored, size, number_at<uint32_t>(fixed, 16), method == kDeflateMethod};
    if (!entries.emplace(name, entry).second) fail_file("{}: stands in the archive twice", what);
  }
  std::vector<ZipEntry> order;
  order.reserve(entries.size());
  for (const auto& [name, entry] : entries) order.push_back(entry);
  std::sort(order.begin(), order.end(), [](const ZipEntry& a, const ZipEntry& b) { return a.offset < b.offset; });
  for (size_t i = 1; i < order.size(); ++i) {
    if (order[i].offset < order[i - 1].offset + order[i - 1].stored) {
      fail_file("{}: a broken zip archive: two entries share bytes", origin);
    }
  }
  return entries;
}

Bytes read_zip_entry(const Bytes& archive, const ZipEntry& entry, const std::string& what) {
  Bytes bytes = entry.deflated ? inflate_entry(archive, entry, what)
                               : Bytes{archive.data + entry.offset, entry.size, archive.owner};
  if (::crc32_z(0, bytes.data, bytes.size) != entry.crc) {
    fail_file("{}: its checksum does not match; the file is damaged", what);
  }
  return bytes;
}

}  // namespace dgl
