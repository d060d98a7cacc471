#pragma once

#include <filesystem>

namespace dgl {

/// Writes RUN/report.html, one self-contained file, from what a run directory holds: summary.json (may be absent while
/// a run goes on), log.jsonl, recipe.toml and samples/*.png. Error if RUN is not a run directory or a file in it is
/// malformed.
void write_report(const std::filesystem::path& run);

}  // namespace dgl
