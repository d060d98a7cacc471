#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dgl/base/files.h"

namespace dgl::test {

/// A picture in an event file.
struct EventImage {
  uint64_t height = 0, width = 0, colorspace = 0;
  std::string png;
};

/// A message Event of TensorFlow.
struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string file_version;
  bool restarts = false;  ///< SessionLog.START
  std::map<std::string, float> scalars;
  std::map<std::string, EventImage> images;
};

/// A CRC-32C, bit by bit.
inline uint32_t slow_crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

/// Reads the fields of a protobuf message one by one.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes) {}

  /// Goes to the next field. Returns false at the end, and fails the test for a message that is cut.
  bool next() {
    if (at_ >= bytes_.size()) return false;
    const uint64_t key = varint();
    field = static_cast<int>(key >> 3);
    const uint64_t type = key & 7;
    if (type == 0) {
      number = varint();
      return true;
    }
    const uint64_t size = type == 1 ? 8 : type == 5 ? 4 : type == 2 ? varint() : bytes_.size();
    EXPECT_LE(size, bytes_.size() - at_) << "field " << field << " of wire type " << type;
    content = bytes_.substr(at_, size);
    at_ += size;
    return size <= bytes_.size();
  }
  template <class T>
  T fixed() const {
    T value{};
    EXPECT_EQ(content.size(), sizeof value);
    std::memcpy(&value, content.data(), std::min(sizeof value, content.size()));
    return value;
  }

  int field = 0;
  uint64_t number = 0;
  std::string_view content;

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[at_++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  std::string_view bytes_;
  size_t at_ = 0;
};

inline EventImage parse_event_image(std::string_view bytes) {
  EventImage image;
  for (FieldReader fields(bytes); fields.next();) {
    if (fields.field == 1) image.height = fields.number;
    if (fields.field == 2) image.width = fields.number;
    if (fields.field == 3) image.colorspace = fields.number;
    if (fields.field == 4) image.png = fields.content;
  }
  return image;
}

inline Event parse_event(std::string_view bytes) {
  Event event;
  for (FieldReader fields(bytes); fields.next();) {
    if (fields.field == 1) event.wall_time = fields.fixed<double>();
    if (fields.field == 2) event.step = static_cast<int64_t>(fields.number);
    if (fields.field == 3) event.file_version = fields.content;
    if (fields.field == 7) {
      for (FieldReader log(fields.content); log.next();) event.restarts |= log.field == 1 && log.number == 1;
    }
    if (fields.field != 5) continue;
    for (FieldReader summary(fields.content); summary.next();) {
      std::string tag;
      for (FieldReader value(summary.content); value.next();) {
        if (value.field == 1) tag = value.content;
        if (value.field == 2) event.scalars[tag] = value.fixed<float>();
        if (value.field == 4) event.images[tag] = parse_event_image(value.content);
      }
    }
  }
  return event;
}

/// The events of one file. Every checksum has to be right.
inline std::vector<Event> read_event_file(const std::filesystem::path& path) {
  const std::string file = read_file(path);
  const auto little_endian = [&](size_t at, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i > 0; --i) value = value << 8 | static_cast<uint8_t>(file[at + i - 1]);
    return value;
  };
  const auto masked = [](std::string_view bytes) {
    const uint32_t crc = slow_crc32c(bytes);
    return static_cast<uint32_t>((crc >> 15 | crc << 17) + 0xa282ead8u);
  };
  std::vector<Event> events;
  for (size_t at = 0; at < file.size();) {
    if (file.size() - at < 16) {
      ADD_FAILURE() << path << ": a record is cut";
      break;
    }
    const uint64_t length = little_endian(at, 8);
    EXPECT_EQ(little_endian(at + 8, 4), masked(std::string_view(file).substr(at, 8)));
    if (length > file.size() - at - 16) {
      ADD_FAILURE() << path << ": a record is cut";
      break;
    }
    const std::string_view data = std::string_view(file).substr(at + 12, length);
    EXPECT_EQ(little_endian(at + 12 + length, 4), masked(data));
    events.push_back(parse_event(data));
    at += 16 + length;
  }
  return events;
}

/// The event files of a folder in the order of their names, which is how TensorBoard takes them.
inline std::vector<std::filesystem::path> event_files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// All events of a folder.
inline std::vector<Event> read_events(const std::filesystem::path& folder) {
  std::vector<Event> all;
  for (const auto& file : event_files_of(folder)) {
    const auto events = read_event_file(file);
    all.insert(all.end(), events.begin(), events.end());
  }
  return all;
}

/// The steps of all events that have scalars, in their order.
inline std::vector<int64_t> scalar_steps(const std::vector<Event>& events) {
  std::vector<int64_t> steps;
  for (const Event& event : events) {
    if (!event.scalars.empty()) steps.push_back(event.step);
  }
  return steps;
}

}  // namespace dgl::test
