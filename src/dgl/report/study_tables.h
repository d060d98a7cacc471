#pragma once

#include <optional>
#include <string>
#include <utility>

#include "dgl/base/table_reader.h"

namespace dgl {

/// Returns the 95 % interval of a ratio in a study's results.json: `low` and `high`, or in those of earlier versions
/// Student's t interval that follows from `count`, `mean` and `error`. Nothing with fewer than two pairs.
std::optional<std::pair<double, double>> ratio_interval(const TableReader& ratio);

/// True if the arms of a study are compared at equal seconds.
bool compares_seconds(const TableReader& results);

/// Returns what a study's seconds are, for a sentence: "processor seconds of training, …", or wall seconds. `key` names
/// the clock in results.json.
std::string seconds_words(const TableReader& results, const std::string& key);

/// Tables of a study's report as HTML, from its results.json. The last two are empty if the study has no data for them.
std::string arms_section(const TableReader& results, const std::string& metric);
/// Arms at equal seconds, and the seconds until the levels of teacher and control.
std::string seconds_section(const TableReader& results, const std::string& metric);
/// Kernel distance, precision, recall and the judge's distance.
std::string judges_section(const TableReader& results, const std::string& metric);

}  // namespace dgl
