#pragma once

#include <cstdint>
#include <filesystem>

namespace dgl {

/// Writes the log and the sample grids of a run as event files for TensorBoard, as training leaves them in RUN/events:
/// for runs that have none. Times are those of the log, which ends when its file was last written. Returns the number
/// of log lines. Throws Error if RUN is not a run directory, if one of its files is malformed, or if the folder holds
/// event files already; nothing is written then.
int64_t export_events(const std::filesystem::path& run, const std::filesystem::path& folder);

}  // namespace dgl
