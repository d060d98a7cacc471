#include "dgl/data/packed.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "dgl/base/error.h"

namespace dgl {

namespace {

using nlohmann::json;

constexpr char kMagic[] = "DGLDATA1";
constexpr uint64_t kMaxHeader = 1 << 24, kPage = 4096;
constexpr int64_t kMaxResolution = 4096, kMaxCount = int64_t{1} << 36;

uint64_t round_up(uint64_t n, uint64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// Padding that brings a file of `size` bytes to a multiple.
std::string padding(uint64_t size, uint64_t multiple) { return std::string(round_up(size, multiple) - size, '\0'); }

int64_t whole(const json& header, const char* key, int64_t low, int64_t high, const std::string& origin) {
  if (!header.contains(key) || !header[key].is_number_integer())
    fail("{}: header: expected a whole number {}", origin, key);
  const auto value = header[key].get<int64_t>();
  if (value < low || value > high) fail("{}: header: {} = {}: expected {} to {}", origin, key, value, low, high);
  return value;
}

std::string text(const json& header, const char* key, const std::string& origin) {
  if (!header.contains(key) || !header[key].is_string()) fail("{}: header: expected a text {}", origin, key);
  return header[key].get<std::string>();
}

}  // namespace

PackedWriter::PackedWriter(const std::filesystem::path& path, const DatasetInfo& info) : file_(path), info_(info) {
  const std::string header = json({{"count", info.count},
                                   {"resolution", info.resolution},
                                   {"channels", info.channels},
                                   {"classes", info.classes},
                                   {"resize", info.resize},
                                   {"source", info.source}})
                                 .dump(-1, ' ', false, json::error_handler_t::replace);
  file_.write(std::string_view(kMagic, 8));
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  file_.write(length, sizeof(length));
  file_.write(header);
  file_.write(padding(16 + header.size(), kPage));
}

void PackedWriter::add(const uint8_t* pixels, int32_t label) {
  file_.write(pixels, static_cast<size_t>(info_.channels * info_.resolution * info_.resolution));
  if (!info_.classes.empty()) {
    if (label < 0 || label >= static_cast<int64_t>(info_.classes.size())) {
      fail("label {} of image {}: expected 0 to {}", label, added_, info_.classes.size() - 1);
    }
    labels_.push_back(label);
  }
  ++added_;
}

void PackedWriter::finish() {
  if (added_ != info_.count) fail("{} images came, {} were announced", added_, info_.count);
  if (!labels_.empty()) {
    file_.write(padding(static_cast<uint64_t>(added_ * info_.channels * info_.resolution * info_.resolution), 4));
    file_.write(labels_.data(), labels_.size() * sizeof(int32_t));
  }
  file_.commit();
}

PackedLayout read_packed_layout(const uint8_t* data, uint64_t size, const std::string& origin) {
  if (size < 16 || std::memcmp(data, kMagic, 8) != 0) fail("{}: expected a packed set made by dgl prepare", origin);
  uint64_t length = 0;
  for (int i = 15; i >= 8; --i) length = length << 8 | data[i];
  if (length > kMaxHeader || length > size - 16)
    fail("{}: its header of {} bytes does not fit the file", origin, length);
  const auto* begin = reinterpret_cast<const char*>(data) + 16;
  // A header has two levels; anything deeper is dropped and then found missing.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= 3; };
  const json header = json::parse(begin, begin + length, shallow, /*allow_exceptions=*/false);
  if (!header.is_object()) fail("{}: its header is not a JSON object", origin);

  PackedLayout layout;
  DatasetInfo& info = layout.info;
  info.count = whole(header, "count", 1, kMaxCount, origin);
  info.resolution = whole(header, "resolution", 8, kMaxResolution, origin);
  if (!std::has_single_bit(static_cast<uint64_t>(info.resolution))) {
    fail("{}: header: resolution = {}: expected a power of two", origin, info.resolution);
  }
  info.channels = whole(header, "channels", 1, 3, origin);
  if (info.channels == 2) fail("{}: header: channels = 2: expected 1 or 3", origin);
  info.resize = text(header, "resize", origin);
  info.source = text(header, "source", origin);
  if (!header.contains("classes") || !header["classes"].is_array()) fail("{}: header: expected a list classes", origin);
  for (const json& name : header["classes"]) {
    if (!name.is_string()) fail("{}: header: classes: expected texts", origin);
    info.classes.push_back(name.get<std::string>());
  }

  // count * C * R * R is at most 2^36 * 3 * 2^24 < 2^62.
  const auto image = static_cast<uint64_t>(info.channels * info.resolution * info.resolution);
  const uint64_t pixels = static_cast<uint64_t>(info.count) * image;
  layout.pixels = round_up(16 + length, kPage);
  uint64_t end = layout.pixels + pixels;
  if (!info.classes.empty()) {
    layout.labels = layout.pixels + round_up(pixels, 4);
    end = layout.labels + static_cast<uint64_t>(info.count) * sizeof(int32_t);
  }
  if (end != size) fail("{}: {} bytes, but its header describes {}; perhaps it was cut off", origin, size, end);
  return layout;
}

}  // namespace dgl
