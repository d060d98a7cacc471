#include "dgl/run/summary.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/base/text.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/profile.h"

namespace dgl {

namespace {

/// Adds the numbers of profile() to others.
void add_cost(nlohmann::json& sum, const nlohmann::json& cost) {
  if (sum.is_null()) {
    sum = cost;
    return;
  }
  for (const auto& [key, value] : cost.items()) {
    if (value.is_object()) {
      add_cost(sum[key], value);
    } else if (value.is_number_integer()) {
      sum[key] = sum[key].get<int64_t>() + value.get<int64_t>();
    } else {
      sum[key] = sum[key].get<double>() + value.get<double>();
    }
  }
}

}  // namespace

nlohmann::json figures_of(const FinalMeasures& measures) {
  nlohmann::json json = nlohmann::json::object();
  const std::pair<const char*, std::optional<double>> all[] = {
      {"fd", measures.distance},         {"judge_fd", measures.judge_distance},
      {"kid_mean", measures.kid_mean},   {"kid_std", measures.kid_deviation},
      {"precision", measures.precision}, {"recall", measures.recall},
      {"psnr", measures.psnr},           {"ssim", measures.ssim},
      {"lpips", measures.lpips},         {"prior_fd", measures.prior_distance}};
  for (const auto& [name, value] : all) {
    if (value) json[name] = *value;
  }
  return json;
}

namespace {

nlohmann::json describe(const NetworkSet& model, const std::string& file, const std::optional<FinalMeasures>& measures,
                        torch::Device device) {
  nlohmann::json json = {{"file", file}};
  if (measures) {
    json.update(figures_of(*measures));
    for (const FinalMeasures::BySolver& by : measures->by_solver) {
      json["fd_by_calls"].push_back({{"sampler", by.sampler}, {"calls", by.calls}, {"fd", by.distance}});
    }
    if (measures->own.is_object()) json.update(measures->own);
  }
  nlohmann::json makers;  // all networks that make images together
  for (const NetworkSlot& slot : model) {
    Network& network = *slot.best();
    const bool judges = slot.role == NetworkRole::discriminator;
    json[slot.name] = judges ? cost_json(network.cost()) : profile(network, device);
    if (!judges) add_cost(makers, json[slot.name]);
  }
  if (!json.contains("generator")) json["generator"] = makers;
  return json;
}

/// Quotes text as one shell word.
std::string shell_word(const std::string& text) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("_./-+:=@%,", c); };
  if (std::all_of(text.begin(), text.end(), plain)) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::string reproduce_command(const Recipe& recipe) {
  if (!recipe.run.changes.empty()) return "not by one command: `dgl resume` changed it " + recipe.run.changes;
  std::string command = "dgl " + recipe.run.command;
  const auto add = [&](const char* option, const std::string& path) {
    if (!path.empty()) command += fmt::format(" {} {}", option, shell_word(path));
  };
  add("--teacher", recipe.teacher().file);
  add("--from", recipe.run.from_model);
  add("--data", recipe.run.data);
  add("--data-b", recipe.run.data_b);
  add("--features", recipe.run.features);
  Recipe copy = recipe;
  for (const NamedFile& file : copy.files()) {
    if (file.path->empty() || file.path == &copy.run.features) continue;
    command += " --set " + shell_word(file.key + "=" + *file.path);
  }
  add("--from-stage1", recipe.run.from_stage1);
  if (recipe.run.from_teacher) command += " --from-teacher";
  if (recipe.run.device != "auto") add("--device", recipe.run.device);
  return command + fmt::format(" --recipe recipe.toml --threads {} --out NEW", runtime_threads());
}

nlohmann::json make_summary(const SummaryInput& input) {
  const Recipe& recipe = input.recipe;
  const RunState& state = input.state;
  nlohmann::json stages = nlohmann::json::array();
  for (const StageRecord& record : state.stages) {
    nlohmann::json stage = {{"stage", record.stage},       {"name", record.name},
                            {"lambda", record.lambda},     {"kimg_start", record.kimg_start},
                            {"kimg_end", record.kimg_end}, {"seconds", record.seconds}};
    if (record.cpu_seconds >= 0) stage["cpu_seconds"] = record.cpu_seconds;
    if (record.fd_end >= 0) {
      stage["fd_end"] = record.fd_end;
      stage["fd_best"] = record.fd_best;
      stage["kimg_best"] = record.kimg_best;
    }
    for (const auto& [key, judges] :
         {std::pair{"judges_start", &record.judges_start}, std::pair{"judges_end", &record.judges_end}}) {
      for (const JudgeScores& judge : *judges) stage[key].push_back(judge);
    }
    stages.push_back(stage);
  }
  const auto name_of = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
  nlohmann::json summary = {{"command", recipe.run.command},
                            {"finished", true},
                            {"seed", recipe.seed},
                            {"processes", input.processes},
                            {"threads", runtime_threads()},
                            {"precision", recipe.precision},
                            {"device", input.device.str()},
                            {"seconds", state.seconds},
                            {"remake", reproduce_command(recipe)},
                            {"data",
                             {{"file", name_of(recipe.run.data)},
                              {"count", input.data.count},
                              {"resolution", input.data.resolution},
                              {"channels", input.data.channels},
                              {"resize", input.data.resize}}},
                            {"stages", stages}};
  if (state.cpu_seconds >= 0) summary["cpu_seconds"] = state.cpu_seconds;
  if (!recipe.run.budget.empty()) summary["budget"] = recipe.run.budget;
  if (!input.grid_rows.empty()) summary["grid_rows"] = input.grid_rows;
  if (!input.metric.empty()) {
    summary["metric"] = input.metric;
    summary["metric_samples"] = input.metric_samples;
    summary["result"] = {
        {"stage", state.best_stage}, {"kimg", state.best_kimg}, {"fd", input.result_measures.value().distance.value()}};
    if (input.distance_last3) summary["result"]["fd_last3"] = *input.distance_last3;
  }
  if (!input.judge_metric.empty()) summary["judge_metric"] = input.judge_metric;
  const char* role = input.teacher ? "student" : "model";
  summary[role] = describe(*input.result, "model.safetensors", input.result_measures, input.device);
  summary[role]["width"] = input.teacher ? recipe.width : "1";
  if (input.teacher) {
    summary["teacher"] = describe(*input.teacher, name_of(recipe.teacher().file), input.teacher_measures, input.device);
  }
  return summary;
}

std::string summary_table(const nlohmann::json& summary) {
  const bool student = summary.contains("student");
  const nlohmann::json& own = summary[student ? "student" : "model"];
  const nlohmann::json teacher = student && summary.contains("teacher") ? summary["teacher"] : nlohmann::json::object();
  std::string text;
  const auto row = [&](const std::string& name, const auto& value_of) {
    const auto a = value_of(own), b = value_of(teacher);
    if (!a) return;
    const bool counted = name.starts_with("generator");
    const auto figure = [&](double value) { return counted ? count_text(value) : fmt::format("{:.2f}", value); };
    text += fmt::format("{:<26}", name);
    if (b) text += fmt::format("{:>12}", figure(*b));
    text += fmt::format("{:>12}", figure(*a));
    if (b) text += fmt::format("{:>9.2f}", *a / *b);
    text += "\n";
  };
  const auto at = [](std::vector<std::string> path) {
    return [path](const nlohmann::json& model) -> std::optional<double> {
      const nlohmann::json* node = &model;
      for (const auto& key : path) {
        if (!node->is_object() || !node->contains(key)) return std::nullopt;
        node = &(*node)[key];
      }
      return node->is_number() ? std::optional<double>(node->get<double>()) : std::nullopt;
    };
  };
  text += student ? fmt::format("{:<26}{:>12}{:>12}{:>9}\n", "", "teacher", "student", "ratio")
                  : fmt::format("{:<26}{:>12}\n", "", "model");
  row("generator parameters", at({"generator", "params"}));
  row("generator MACs", at({"generator", "macs"}));
  row("latency, batch 1, ms", at({"generator", "latency_ms", "1"}));
  row("latency, batch 16, ms", at({"generator", "latency_ms", "16"}));
  if (summary.contains("metric")) {
    const std::string metric = summary["metric"].get<std::string>();
    row(metric, at({"fd"}));
    row(metric + " of the prior", at({"prior_fd"}));
  }
  row("PSNR of reconstructions, dB", at({"psnr"}));
  row("SSIM of reconstructions", at({"ssim"}));
  row("LPIPS of reconstructions", at({"lpips"}));
  const nlohmann::json translations = own.value("translations", nlohmann::json::object());
  for (const auto& [prefix, before, behind] :
       {std::array{"fd_", "fd ", ""}, std::array{"cycle_psnr_", "PSNR back to ", ", dB"},
        std::array{"paired_psnr_", "PSNR ", ", partners, dB"}}) {
    for (const auto& [key, value] : translations.items()) {
      if (!key.starts_with(prefix)) continue;
      std::string of = key.substr(std::strlen(prefix));
      std::replace(of.begin(), of.end(), '_', ' ');
      row(before + of + behind, at({"translations", key}));
    }
  }
  if (summary.contains("budget")) text += fmt::format("budget of {}\n", summary["budget"].get<std::string>());
  for (const auto& stage : summary["stages"]) {
    text +=
        fmt::format("stage {} ({}, lambda {:g}): {:g} to {:g} kimg in {}", stage["stage"].get<int64_t>(),
                    stage["name"].get<std::string>(), stage["lambda"].get<double>(), stage["kimg_start"].get<double>(),
                    stage["kimg_end"].get<double>(), duration_text(stage["seconds"].get<double>()));
    if (stage.contains("fd_end")) {
      text += fmt::format(", {} {:.2f} at its end, {:.2f} at best", summary["metric"].get<std::string>(),
                          stage["fd_end"].get<double>(), stage["fd_best"].get<double>());
    }
    text += "\n";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace dgl
