#pragma once

#include <filesystem>

namespace dgl {

/// Writes OUT/report.html, one self-contained file, from OUT/results.json of a study and its runs' sample grids: a
/// curve for every arm with its spread over seeds, a table of means, standard errors and paired differences, a grid of
/// each arm. Error if results.json is missing or malformed.
void write_study_report(const std::filesystem::path& out);

}  // namespace dgl
