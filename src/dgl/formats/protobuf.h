#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace dgl {

/// Encodes the fields of one message in protobuf's wire format (https://protobuf.dev/programming-guides/encoding). Each
/// begins with its number and its wire type: 0 for an integer with seven bits a byte, 1 for eight bytes, 2 for a length
/// N and N bytes, 5 for four bytes. Libtorch's wheels contain a protobuf of their own, and two in one program conflict.
class ProtobufMessage {
 public:
  ProtobufMessage& integer(int field, int64_t value) {
    tag(field, 0);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  ProtobufMessage& real(int field, float value) {
    tag(field, 5);
    return raw(value);
  }
  ProtobufMessage& real(int field, double value) {
    tag(field, 1);
    return raw(value);
  }
  ProtobufMessage& text(int field, std::string_view value) {
    tag(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  ProtobufMessage& message(int field, const ProtobufMessage& value) { return text(field, value.bytes_); }
  /// Appends fields that are already encoded.
  ProtobufMessage& fields(std::string_view encoded) {
    bytes_ += encoded;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void tag(int field, int storage) { varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(storage)); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  /// Appends a number as it lies in memory, which is little-endian as the format is.
  template <class T>
  ProtobufMessage& raw(T value) {
    char four_or_eight[sizeof value];
    std::memcpy(four_or_eight, &value, sizeof value);
    bytes_.append(four_or_eight, sizeof value);
    return *this;
  }

  std::string bytes_;
};

}  // namespace dgl
