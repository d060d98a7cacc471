#include "dgl/run/run_state.h"

#include "dgl/base/error.h"

namespace dgl {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Averages, sum, count)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(JudgeScores, name, auc, real, fake)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(StageRecord, stage, name, lambda, kimg_start, kimg_end, seconds, cpu_seconds, fd_end,
                                   fd_best, kimg_best, judges_start, judges_end)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunState, stage, step, images, stage_images, ticks, retries, seconds, cpu_seconds,
                                   log_bytes, best_fd, best_kimg, best_stage, losses, scores, tick_seconds, tick_images,
                                   stages)

void Averages::add(const std::string& name, double value) {
  sum[name] += value;
  ++count[name];
}

nlohmann::json Averages::means() const {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : sum) json[name] = value / static_cast<double>(count.at(name));
  return json;
}

void RunState::add_time(double wall_seconds, std::optional<double> processor_seconds) {
  StageRecord& record = stages.back();
  seconds += wall_seconds;
  tick_seconds += wall_seconds;
  record.seconds += wall_seconds;
  // A sum that lacks a part would be too small, so it stays unknown.
  for (double* sum : {&cpu_seconds, &record.cpu_seconds}) {
    *sum = processor_seconds && *sum >= 0 ? *sum + *processor_seconds : -1;
  }
}

nlohmann::json RunState::to_json() const { return *this; }

RunState RunState::from_json(const nlohmann::json& json, const std::string& origin) {
  try {
    nlohmann::json whole = json;
    // What earlier versions did not record.
    if (!whole.contains("cpu_seconds")) {
      whole["cpu_seconds"] = -1;
      for (auto& record : whole.at("stages")) record["cpu_seconds"] = -1;
    }
    for (auto& record : whole.at("stages")) {
      for (const char* key : {"judges_start", "judges_end"}) {
        if (!record.contains(key)) record[key] = nlohmann::json::array();
      }
    }
    return whole.get<RunState>();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: the checkpoint's state is damaged: {}", origin, error.what());
  }
}

}  // namespace dgl
