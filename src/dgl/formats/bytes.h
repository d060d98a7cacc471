#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "dgl/base/error.h"

namespace dgl {

/// The bytes of a file in memory, and the object that keeps them alive.
struct Bytes {
  const uint8_t* data = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner;
};

/// Reads little-endian numbers and byte strings from a range, in order. Throws Error, naming `origin`, if a read would
/// pass the end.
class ByteReader {
 public:
  ByteReader(const uint8_t* data, uint64_t size, std::string origin)
      : data_(data), size_(size), origin_(std::move(origin)) {}

  uint64_t at() const { return at_; }
  uint64_t left() const { return size_ - at_; }

  const uint8_t* take(uint64_t n) {
    if (n > left()) fail("{}: ends too early, at byte {}; perhaps an incomplete download", origin_, size_);
    at_ += n;
    return data_ + (at_ - n);
  }
  std::string_view text(uint64_t n) { return {reinterpret_cast<const char*>(take(n)), static_cast<size_t>(n)}; }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)), sizeof(T));
    return value;
  }

 private:
  const uint8_t* data_;
  uint64_t size_, at_ = 0;
  std::string origin_;
};

/// Returns a text from a file in quotes. The result fits a one-line message, whatever bytes the text has.
std::string quoted(const std::string& text);

}  // namespace dgl
