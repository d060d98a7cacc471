#include "dgl/formats/tf_record.h"

#include <array>
#include <cstddef>

namespace dgl {

namespace {

constexpr size_t kHeaderBytes = 12, kFooterBytes = 4;

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0x82f63b78u : value >> 1;
    table[i] = value;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

uint32_t masked_checksum(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

void put_little_endian(std::string& to, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i) & 0xff);
}

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[i - 1]);
  return value;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffffu;
  for (const char byte : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ crc >> 8;
  return ~crc;
}

std::string tf_record(std::string_view data) {
  std::string record;
  record.reserve(kHeaderBytes + data.size() + kFooterBytes);
  put_little_endian(record, data.size(), 8);
  put_little_endian(record, masked_checksum(record), 4);
  record += data;
  put_little_endian(record, masked_checksum(data), 4);
  return record;
}

std::vector<TfRecord> read_tf_records(std::string_view file) {
  std::vector<TfRecord> records;
  size_t at = 0;
  while (file.size() - at >= kHeaderBytes + kFooterBytes) {
    const std::string_view header = file.substr(at, kHeaderBytes);
    const uint64_t length = little_endian(header.substr(0, 8));
    if (little_endian(header.substr(8)) != masked_checksum(header.substr(0, 8))) break;
    if (length > file.size() - at - kHeaderBytes - kFooterBytes) break;
    const std::string_view data = file.substr(at + kHeaderBytes, length);
    at += kHeaderBytes + length;
    if (little_endian(file.substr(at, kFooterBytes)) != masked_checksum(data)) break;
    at += kFooterBytes;
    records.push_back({at, data});
  }
  return records;
}

}  // namespace dgl
