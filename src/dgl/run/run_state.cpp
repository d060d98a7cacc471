#include "dgl/run/run_state.h"

#include "dgl/base/error.h"

namespace dgl {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Averages, sum, count)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(StageRecord, stage, name, lambda, kimg_start, kimg_end, seconds, fd_end, fd_best,
                                   kimg_best)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunState, stage, step, images, stage_images, ticks, retries, seconds, log_bytes,
                                   best_fd, best_kimg, best_stage, losses, scores, tick_seconds, tick_images, stages)

void Averages::add(const std::string& name, double value) {
  sum[name] += value;
  ++count[name];
}

nlohmann::json Averages::means() const {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : sum) json[name] = value / static_cast<double>(count.at(name));
  return json;
}

nlohmann::json RunState::to_json() const { return *this; }

RunState RunState::from_json(const nlohmann::json& json, const std::string& origin) {
  try {
    return json.get<RunState>();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: the checkpoint's state is damaged: {}", origin, error.what());
  }
}

}  // namespace dgl
