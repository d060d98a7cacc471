#pragma once

#include <iterator>
#include <optional>
#include <utility>

#include "dgl/study/results.h"

namespace dgl {

/// Keys of a run in results.json with their numbers.
using RunKey = std::pair<const char*, std::optional<double> StudyResults::Run::*>;
inline constexpr RunKey kRunNumbers[] = {{"fd_end", &StudyResults::Run::fd_end},
                                         {"fd_last3", &StudyResults::Run::fd_last3},
                                         {"kimg", &StudyResults::Run::kimg},
                                         {"seconds_per_kimg", &StudyResults::Run::seconds_per_kimg},
                                         {"cpu_seconds_per_kimg", &StudyResults::Run::cpu_seconds_per_kimg},
                                         {"threads", &StudyResults::Run::threads}};

/// Keys of the result's measures, which a run has in results.json and its student in summary.json.
inline constexpr RunKey kRunMeasures[] = {{"fd", &StudyResults::Run::fd},
                                          {"judge_fd", &StudyResults::Run::judge_fd},
                                          {"kid_mean", &StudyResults::Run::kid_mean},
                                          {"precision", &StudyResults::Run::precision},
                                          {"recall", &StudyResults::Run::recall},
                                          {"psnr", &StudyResults::Run::psnr},
                                          {"ssim", &StudyResults::Run::ssim},
                                          {"lpips", &StudyResults::Run::lpips},
                                          {"prior_fd", &StudyResults::Run::prior_fd}};

/// The same of a teacher.
using TeacherKey = std::pair<const char*, std::optional<double> StudyResults::Teacher::*>;
inline constexpr TeacherKey kTeacherMeasures[] = {{"fd", &StudyResults::Teacher::fd},
                                                  {"judge_fd", &StudyResults::Teacher::judge_fd},
                                                  {"kid_mean", &StudyResults::Teacher::kid_mean},
                                                  {"precision", &StudyResults::Teacher::precision},
                                                  {"recall", &StudyResults::Teacher::recall},
                                                  {"psnr", &StudyResults::Teacher::psnr},
                                                  {"ssim", &StudyResults::Teacher::ssim},
                                                  {"lpips", &StudyResults::Teacher::lpips},
                                                  {"prior_fd", &StudyResults::Teacher::prior_fd}};

}  // namespace dgl
