#pragma once

#include <filesystem>
#include <string>

namespace dgl {

/// Returns the report of a run, one self-contained page, from a run directory's summary.json (absent until the run
/// finishes), log.jsonl, recipe.toml and samples/*.png. Throws Error if RUN is not a run directory or one of its files
/// is malformed. It has a link to RUN/demo.html if there is one.
std::string report_page(const std::filesystem::path& run);
/// Writes it as RUN/report.html.
void write_report(const std::filesystem::path& run);

}  // namespace dgl
