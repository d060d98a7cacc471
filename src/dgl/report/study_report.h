#pragma once

#include <filesystem>

namespace dgl {

/// Writes OUT/report.html, one self-contained file, from a study's OUT/results.json and its runs' sample grids. It
/// contains a curve for every arm with its spread over seeds, a table of means, standard errors and paired differences,
/// and a grid of each arm. Throws Error if results.json is missing or malformed.
void write_study_report(const std::filesystem::path& out);

}  // namespace dgl
