#include "dgl/run/event_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/formats/protobuf.h"
#include "dgl/formats/tf_record.h"

namespace dgl {

namespace {

constexpr const char* kNameStart = "events.out.tfevents.";
constexpr uint64_t kMostBytes = uint64_t{8} << 30;

/// Field numbers of Event, Summary, Summary.Value, Summary.Image and SessionLog.
namespace field {
constexpr int kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr int kValue = 1, kTag = 1, kSimpleValue = 2, kImage = 4;
constexpr int kHeight = 1, kWidth = 2, kColorspace = 3, kEncoded = 4;
constexpr int kStatus = 1;
}  // namespace field

constexpr int64_t kStart = 1;  // SessionLog.START: what earlier files have at this step and above does not count

using Message = ProtobufMessage;

Message make_event(double wall_time, int64_t step) {
  Message event;
  event.real(field::kWallTime, wall_time).integer(field::kStep, step);
  return event;
}

uint32_t big_endian_at(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = at; i < at + 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

/// The event files of a folder, in the order of their names, which is that of their creation.
std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kNameStart)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The seconds since 1970 in the name of an event file.
int64_t seconds_in(const fs::path& file) {
  const std::string number = file.filename().string().substr(std::strlen(kNameStart));
  int64_t seconds = 0;
  std::from_chars(number.data(), number.data() + std::min<size_t>(number.size(), 10), seconds);
  return seconds;
}

/// The last step of a folder's events; -1 if there are none.
int64_t last_step(const std::vector<fs::path>& files) {
  int64_t last = -1;
  for (const fs::path& path : files) {
    const std::string bytes = read_file(path, kMostBytes);
    for (const TfRecord& record : read_tf_records(bytes)) last = std::max(last, event_step(record.data));
  }
  return last;
}

}  // namespace

int64_t event_step(std::string_view event) {
  size_t at = 0;
  const auto varint = [&] {
    uint64_t value = 0;
    for (int shift = 0; at < event.size() && shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(event[at++]);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < event.size()) {
    const uint64_t key = varint();
    if (key == uint64_t{field::kStep} << 3) return static_cast<int64_t>(varint());
    const uint64_t type = key & 7;
    const uint64_t size = type == 1 ? 8 : type == 5 ? 4 : varint();  // of type 0, the number itself is read by this
    if (type == 0) continue;
    if (size > event.size() - at) break;
    at += size;
  }
  return 0;
}

bool EventLog::empty() const { return file_.empty() && event_files(folder_).empty(); }

void EventLog::open_file(double wall_time) {
  std::error_code error;
  if (!file_.empty() && fs::file_size(file_, error) == size_ && !error) return;
  const std::vector<fs::path> earlier = event_files(folder_);
  const int64_t last = last_step(earlier);
  fs::create_directories(folder_, error);
  if (error) fail("{}: cannot be made: {}", folder_.string(), error.message());
  // TensorBoard takes files in the order of their names, and tells by the number in them how old they are.
  auto seconds = static_cast<int64_t>(wall_time);
  if (!earlier.empty()) seconds = std::max(seconds, seconds_in(earlier.back()) + 1);
  file_ = folder_ / fmt::format("{}{:010}.dgl", kNameStart, seconds);
  size_ = 0;
  Message version;
  version.real(field::kWallTime, wall_time).text(field::kFileVersion, "brain.Event:2");
  append(version.bytes());
  if (last < 0) return;
  const Message status = Message().integer(field::kStatus, kStart);
  append(make_event(wall_time, last + 1).message(field::kSessionLog, status).bytes());
}

void EventLog::append(const std::string& event) {
  const std::string record = tf_record(event);
  const int descriptor = ::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_file("{}: cannot be written: {}", file_.string(), std::strerror(errno));
  bool whole = true;
  int why = 0;
  for (size_t at = 0; whole && at < record.size();) {
    const ssize_t written = ::write(descriptor, record.data() + at, record.size() - at);
    why = errno;
    whole = written > 0;
    if (whole) at += static_cast<size_t>(written);
  }
  ::close(descriptor);
  if (!whole) fail_file("{}: cannot be written: {}", file_.string(), std::strerror(why));
  size_ += record.size();
}

void EventLog::add_scalars(double wall_time, int64_t step, const EventScalars& scalars) {
  open_file(wall_time);
  Message summary;
  for (const auto& [tag, value] : scalars) {
    Message entry;
    entry.text(field::kTag, tag).real(field::kSimpleValue, static_cast<float>(value));
    summary.message(field::kValue, entry);
  }
  append(make_event(wall_time, step).message(field::kSummary, summary).bytes());
}

void EventLog::add_png(double wall_time, int64_t step, const std::string& tag, const std::string& png) {
  // The PNG signature, then the chunk IHDR with width, height, depth and color type (PNG specification, 11.2.2).
  if (png.size() < 26 || !png.starts_with("\x89PNG\r\n\x1a\n") || png.compare(12, 4, "IHDR") != 0) {
    fail("the picture {} of an event: expected a PNG file", tag);
  }
  open_file(wall_time);
  const bool gray = png[25] == 0 || png[25] == 4, alpha = png[25] == 4 || png[25] == 6;
  Message image;
  image.integer(field::kHeight, big_endian_at(png, 20))
      .integer(field::kWidth, big_endian_at(png, 16))
      .integer(field::kColorspace, (gray ? 1 : 3) + (alpha ? 1 : 0))
      .text(field::kEncoded, png);
  Message entry;
  entry.text(field::kTag, tag).message(field::kImage, image);
  const Message summary = Message().message(field::kValue, entry);
  append(make_event(wall_time, step).message(field::kSummary, summary).bytes());
}

void truncate_events(const fs::path& folder, int64_t step) {
  for (const fs::path& path : event_files(folder)) {
    uint64_t size = 0, end = 0;
    bool any = false;
    {
      const std::string bytes = read_file(path, kMostBytes);
      size = bytes.size();
      for (const TfRecord& record : read_tf_records(bytes)) {
        if (event_step(record.data) > step) break;
        any |= record.data.find("brain.Event:") == std::string_view::npos;
        end = record.end;
      }
    }
    if (any && end == size) continue;
    std::error_code error;
    if (any) {
      fs::resize_file(path, end, error);
    } else {
      fs::remove(path, error);
    }
    if (error) fail_file("{}: cannot be written: {}", path.string(), error.message());
  }
}

}  // namespace dgl
