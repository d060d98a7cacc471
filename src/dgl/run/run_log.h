#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A value over training. `kimg` is thousands of images that the discriminator has seen.
struct CurvePoint {
  double kimg, value;
};
using Curve = std::vector<CurvePoint>;

/// The range of one stage, in thousands of images.
struct StageSpan {
  int64_t number;
  double kimg_start, kimg_end;
};

/// The content of a run's log.jsonl, as curves.
struct RunLog {
  Curve distance, images_per_second;
  std::map<std::string, Curve> losses, scores;
  std::vector<StageSpan> stages;
  double kimg = 0, seconds = 0;  ///< values of the last line
};

/// One line of a run's log, written by RunRecorder::on_checkpoint().
struct LogLine {
  int64_t stage = 1;
  double kimg = 0;
  int64_t images = 0, step = 0;
  double seconds = 0, images_per_second = 0;
  nlohmann::json loss, score;  ///< means since the last line, by name
  std::optional<double> distance{};
  bool best = false;  ///< true if the distance is the lowest so far

  /// Returns the line as JSON, which read_run_log() reads.
  nlohmann::json to_json() const;
};

/// Reads log.jsonl, one JSON object per line. Ignores an incomplete last line without a line end, which a crash can
/// leave. Throws Error, naming file and line, for anything else that is malformed.
RunLog read_run_log(const std::filesystem::path& path);

/// Returns at most `most` points of the curve, evenly spaced, including the first, the last and the lowest.
Curve thinned(const Curve& curve, size_t most);

}  // namespace dgl
