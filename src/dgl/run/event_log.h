#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dgl {

/// Numbers by their tags.
using EventScalars = std::vector<std::pair<std::string, double>>;

/// Writes event files that TensorBoard reads: TFRecords (formats/tf_record.h) of Event messages
/// (tensorflow/core/util/event.proto and framework/summary.proto), which are encoded here by hand. A step is a number
/// of images that training has seen. A new object continues in a file of its own, behind those that the folder has, and
/// creates it with the first event. It begins another one if truncate_events() has cut its file, since a reader may be
/// further on in that.
class EventLog {
 public:
  /// The folder is made with the first event. Throws Error then, and in each function below, if it cannot be written.
  explicit EventLog(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Whether nothing has been written, neither by this object nor in files that were there before.
  bool empty() const;
  /// Adds numbers of a step. `wall_time` is in seconds since 1970.
  void add_scalars(double wall_time, int64_t step, const EventScalars& scalars);
  /// Adds a picture, which is a PNG file's bytes. Throws Error if they are not.
  void add_png(double wall_time, int64_t step, const std::string& tag, const std::string& png);

 private:
  void open_file(double wall_time);
  void append(const std::string& event);

  std::filesystem::path folder_, file_;  // file_ is empty until the first event
  uint64_t size_ = 0;                    // of the file
};

/// Removes all events above `step` from a folder of event files, and what a crash left of a last record. A file without
/// events left is removed. Does nothing without the folder. Throws Error if a file cannot be read or written.
void truncate_events(const std::filesystem::path& folder, int64_t step);

/// Returns the step of an encoded Event message: 0 if it names none.
int64_t event_step(std::string_view event);

}  // namespace dgl
