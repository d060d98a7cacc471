#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "training/study.h"

namespace dgl {

/// Mean, deviation (ddof 1) and standard error of the mean over seeds; the last two need two values.
struct Spread {
  int64_t count = 0;
  double mean = 0, deviation = 0, error = 0;
};
Spread spread_of(const std::vector<double>& values);

/// results.json of a study (docs/studies.md): of every arm its runs, the mean of the result's distance, of the distance at
/// the last image, of the differences to the control arm at the same seed, the geometric mean of the ratios to it, and its
/// curve; of what there is so far. `failures`: why runs of the plan failed, by index.
nlohmann::json study_results(const Study& study, const std::vector<StudyRun>& runs,
                             const std::map<size_t, std::string>& failures);

}  // namespace dgl
