#pragma once

#include <filesystem>

namespace dgl {

/// Writes RUN/report.html, one self-contained file, from a run directory's summary.json (absent until the run
/// finishes), log.jsonl, recipe.toml and samples/*.png. It has a link to RUN/demo.html if there is one. Throws Error if
/// RUN is not a run directory or one of its files is malformed.
void write_report(const std::filesystem::path& run);

}  // namespace dgl
