#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A value over training; `kimg` counts thousands of images that the discriminator has seen.
struct CurvePoint {
  double kimg, value;
};
using Curve = std::vector<CurvePoint>;

/// The thousands of images of one stage.
struct StageSpan {
  int64_t number;
  double kimg_start, kimg_end;
};

/// What a run's log.jsonl holds, as curves.
struct RunLog {
  Curve distance, images_per_second;
  std::map<std::string, Curve> losses, scores;
  std::vector<StageSpan> stages;
  double kimg = 0, seconds = 0;  ///< as of the last line
};

/// One line of a run's log: what on_checkpoint() reports.
struct LogLine {
  int64_t stage = 1;
  double kimg = 0;
  int64_t images = 0, step = 0;
  double seconds = 0, images_per_second = 0;
  nlohmann::json loss, score;  ///< means since the last line, by name
  std::optional<double> distance{};
  bool best = false;  ///< whether the distance is the least so far

  /// The line as JSON; read_run_log() reads it.
  nlohmann::json to_json() const;
};

/// Reads log.jsonl: one JSON object per line. A last line without its end, which a crash leaves, is passed over if it
/// is not whole. Error that names file and line for anything else that is malformed.
RunLog read_run_log(const std::filesystem::path& path);

/// At most `most` of the curve's points: evenly over its length, with the first, the last and the least one.
Curve thinned(const Curve& curve, size_t most);

}  // namespace dgl
