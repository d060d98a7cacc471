#include "dgl/data/packed.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "dgl/base/error.h"
#include "dgl/base/table_reader.h"

namespace dgl {

namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeader = 1 << 24, kPage = 4096;
constexpr int64_t kMaxResolution = 4096, kMaxCount = int64_t{1} << 36;

uint64_t round_up(uint64_t n, uint64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// Returns the padding that extends a file of `size` bytes to a multiple of `multiple`.
std::string padding(uint64_t size, uint64_t multiple) { return std::string(round_up(size, multiple) - size, '\0'); }

}  // namespace

PackedWriter::PackedWriter(const std::filesystem::path& path, const DatasetInfo& info) : file_(path), info_(info) {
  const std::string header = json({{"count", info.count},
                                   {"resolution", info.resolution},
                                   {"channels", info.channels},
                                   {"classes", info.classes},
                                   {"resize", info.resize},
                                   {"source", info.source}})
                                 .dump(-1, ' ', false, json::error_handler_t::replace);
  file_.write(std::string_view(kPackedMagic, 8));
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
      fail_file("label {} of image {}: expected 0 to {}", label, added_, info_.classes.size() - 1);
    }
    labels_.push_back(label);
  }
  ++added_;
}

void PackedWriter::finish() {
  if (added_ != info_.count) fail_file("{} images came, {} were announced", added_, info_.count);
  if (!labels_.empty()) {
    file_.write(padding(static_cast<uint64_t>(added_ * info_.channels * info_.resolution * info_.resolution), 4));
    file_.write(labels_.data(), labels_.size() * sizeof(int32_t));
  }
  file_.commit();
}

PackedLayout read_packed_layout(const uint8_t* data, uint64_t size, const std::string& origin) {
  if (size < 16 || std::memcmp(data, kPackedMagic, 8) != 0)
    fail_file("{}: expected a packed set made by dgl prepare", origin);
  uint64_t length = 0;
  for (int i = 15; i >= 8; --i) length = length << 8 | data[i];
  if (length > kMaxHeader || length > size - 16)
    fail_file("{}: its header of {} bytes does not fit the file", origin, length);
  const auto* begin = reinterpret_cast<const char*>(data) + 16;
  // A header has two levels. Anything deeper is dropped and then reported as missing.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= 3; };
  const json header = json::parse(begin, begin + length, shallow, /*allow_exceptions=*/false);
  if (!header.is_object()) fail_file("{}: its header is not a JSON object", origin);

  const TableReader keys(header, origin, "header: ");
  PackedLayout layout;
  DatasetInfo& info = layout.info;
  info.count = keys.integer("count", 1, kMaxCount);
  info.resolution = keys.integer("resolution", 8, kMaxResolution);
  if (!std::has_single_bit(static_cast<uint64_t>(info.resolution))) {
    fail_file("{}: header: resolution = {}: expected a power of two", origin, info.resolution);
  }
  info.channels = keys.integer("channels", 1, 3);
  if (info.channels == 2) fail_file("{}: header: channels = 2: expected 1 or 3", origin);
  info.resize = keys.required_text("resize");
  info.source = keys.required_text("source");
  if (!keys.find("classes")) fail_file("{}: header: expected a list classes", origin);
  info.classes = keys.texts("classes");

  // count * C * R * R is at most 2^36 * 3 * 2^24 < 2^62.
  const auto image = static_cast<uint64_t>(info.channels * info.resolution * info.resolution);
  const uint64_t pixels = static_cast<uint64_t>(info.count) * image;
  layout.pixels = round_up(16 + length, kPage);
  uint64_t end = layout.pixels + pixels;
  if (!info.classes.empty()) {
    layout.labels = layout.pixels + round_up(pixels, 4);
    end = layout.labels + static_cast<uint64_t>(info.count) * sizeof(int32_t);
  }
  if (end != size) fail_file("{}: {} bytes, but its header describes {}; perhaps it was cut off", origin, size, end);
  return layout;
}

}  // namespace dgl
