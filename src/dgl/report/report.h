#pragma once

#include <filesystem>
#include <string>

namespace dgl {

<<<<<<< HEAD
/// Writes RUN/report.html, one self-contained file, from a run directory's summary.json (absent until the run
/// finishes), log.jsonl, recipe.toml and samples/*.png. It has a link to RUN/demo.html if there is one. Throws Error if
/// RUN is not a run directory or one of its files is malformed.
=======
/// Returns the report of a run, one self-contained page, from a run directory's summary.json (absent until the run
/// finishes), log.jsonl, recipe.toml and samples/*.png. Throws Error if RUN is not a run directory or one of its files
/// is malformed.
std::string report_page(const std::filesystem::path& run);
/// Writes it as RUN/report.html.
>>>>>>> 8e7116a (dgl report --watch shows a run in a browser while it trains)
void write_report(const std::filesystem::path& run);

}  // namespace dgl
