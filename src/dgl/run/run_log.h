#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/table_reader.h"

namespace dgl {

/// A value over training. `kimg` is thousands of images that the discriminator has seen.
struct CurvePoint {
  double kimg, value;
};
using Curve = std::vector<CurvePoint>;

/// A distance in the log, with the training time until then.
struct Evaluation {
  double kimg = 0, distance = 0;
  std::optional<double> seconds{};      ///< wall time of training, evaluations left out
  std::optional<double> cpu_seconds{};  ///< processor time of the same, over all threads; empty if it was not recorded
};

/// The range of one stage, in thousands of images.
struct StageSpan {
  int64_t number;
  double kimg_start, kimg_end;
};

/// The content of a run's log.jsonl, as curves.
struct RunLog {
  Curve distance, images_per_second;
  std::vector<Evaluation> evaluations;  ///< the distances with their times
  std::map<std::string, Curve> losses, scores, measures;
  std::vector<StageSpan> stages;
  double kimg = 0, seconds = 0;  ///< values of the last line
};

/// One line of a run's log, written by RunRecorder::on_checkpoint().
struct LogLine {
  int64_t stage = 1;
  double kimg = 0;
  int64_t images = 0, step = 0;
  double seconds = 0, images_per_second = 0;
  nlohmann::json loss, score;           ///< means since the last line, by name
  std::optional<double> cpu_seconds{};  ///< processor seconds of training so far, if known
  std::optional<double> distance{};
  nlohmann::json measures{};  ///< what else was measured, by name
  bool best = false;          ///< true if the distance is the lowest so far

  /// Returns the line as JSON, which read_run_log() reads.
  nlohmann::json to_json() const;
};

/// Calls `use` with every line of log.jsonl, one JSON object each, and with "FILE line N", which names it in messages.
/// Ignores an incomplete last line without a line end, which a crash can leave. Throws Error, naming file and line, for
/// anything else that is malformed.
void for_each_log_line(const std::filesystem::path& path,
                       const std::function<void(const TableReader& line, const std::string& where)>& use);

/// Returns the numbers of a log line by their keys, those of its objects as "loss/g_main". kimg, images and step, which
/// say when the line was written, are left out. Throws Error for a value of the wrong type.
std::vector<std::pair<std::string, double>> log_scalars(const TableReader& line);

/// Reads log.jsonl, one JSON object per line. Ignores an incomplete last line without a line end, which a crash can
/// leave. Throws Error, naming file and line, for anything else that is malformed.
RunLog read_run_log(const std::filesystem::path& path);

/// Returns the mean of a curve's last three values, or of all if there are fewer; nothing of an empty curve.
std::optional<double> mean_of_last_three(const Curve& curve);

/// Returns at most `most` points of the curve, evenly spaced, including the first, the last and the lowest.
Curve thinned(const Curve& curve, size_t most);

}  // namespace dgl
