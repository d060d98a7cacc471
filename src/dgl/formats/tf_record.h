#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dgl {

/// Returns the CRC-32C (Castagnoli) of bytes, as RFC 3720 section B.4 defines and checks it.
uint32_t crc32c(std::string_view bytes);

/// Returns a record of TensorFlow's TFRecord format (tensorflow/core/lib/io/record_writer.h): the length of the data, 8
/// bytes, a masked checksum of these, the data, and a masked checksum of the data. Numbers are little-endian; a masked
/// checksum is a CRC-32C, rotated right by 15 bits, plus 0xa282ead8.
std::string tf_record(std::string_view data);

/// A record within a file.
struct TfRecord {
  uint64_t end = 0;         ///< where it ends in the file
  std::string_view data{};  ///< within the file's bytes
};
/// Returns the records of a file up to its end or to the first one that is cut or damaged.
std::vector<TfRecord> read_tf_records(std::string_view file);

}  // namespace dgl
