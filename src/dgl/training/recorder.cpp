#include "dgl/training/recorder.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/table_reader.h"
#include "dgl/base/text.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/report/image_grid.h"
#include "dgl/report/report.h"
#include "dgl/run/summary.h"
#include "dgl/training/translations.h"

namespace dgl {

namespace {

/// " g_main 0.693 d_main 1.386"
std::string losses_text(const nlohmann::json& means) {
  std::string text;
  for (const auto& [name, value] : means.items()) text += fmt::format(" {} {:.3f}", name, value.get<double>());
  return text;
}

}  // namespace

RunRecorder::RunRecorder(TrainingSession& session, const RunDirectory& directory, const Evaluator& evaluator,
                         const Judges& judges, Progress& progress)
    : session_(session),
      directory_(directory),
      evaluator_(evaluator),
      judges_(judges),
      progress_(progress),
      grid_(SampleGrid::of(session.recipe.network->labels())),
      events_(directory.events()) {}

void RunRecorder::show_progress(const Stage& stage) {
  const RunState& state = session_.state;
  int64_t left = stage.images - state.stage_images;
  for (const Stage& later : session_.stages) left += later.number > stage.number ? later.images : 0;
  std::string best;
  if (evaluator_.has_features() && state.best_fd >= 0) {
    best = fmt::format(" | best {} {:.2f}", evaluator_.distance_name(), state.best_fd);
  }
  const double rate = session_.images_per_second();
  progress_.update(fmt::format(
      "stage {} {} | kimg {:.1f}/{:g} | {:.0f} img/s | left {} |{}{}", stage.number, stage.name,
      static_cast<double>(state.stage_images) / 1000, static_cast<double>(stage.images) / 1000, rate,
      duration_text(static_cast<double>(left) / std::max(1e-9, rate)), losses_text(state.losses.means()), best));
}

void RunRecorder::ask_judges(const Stage& stage, bool at_end) {
  const bool asked = stage.guided || session_.trains_discriminators_alone();
  if (!asked || !session_.processes->is_root()) return;
  StageRecord& record = session_.state.stages.back();
  std::vector<JudgeScores>& judges = at_end ? record.judges_end : record.judges_start;
  judges = judges_.measure();
  if (judges.empty()) return;
  progress_.print(fmt::format("stage {} {} | {} | AUC of real images and the student's: {}", stage.number, stage.name,
                              at_end ? "end" : "start", judges_text(judges)));
}

void RunRecorder::on_checkpoint(const Stage& stage) {
  RunState& state = session_.state;
  state.stages.back().kimg_end = static_cast<double>(state.images) / 1000;
  if (session_.processes->is_root()) evaluate_and_log(stage);
  state.losses = {};
  state.scores = {};
  state.tick_seconds = 0;
  state.tick_images = 0;
}

bool RunRecorder::note_distance(double distance, double kimg, const Stage& stage) {
  RunState& state = session_.state;
  StageRecord& record = state.stages.back();
  record.fd_end = distance;
  if (record.fd_best < 0 || distance < record.fd_best) {
    record.fd_best = distance;
    record.kimg_best = kimg;
  }
  // A run that trains a discriminator alone has the same distance throughout: of equals, the newest is kept.
  if (state.best_fd >= 0 && distance > state.best_fd) return false;
  state.best_fd = distance;
  state.best_kimg = kimg;
  state.best_stage = stage.number;
  return true;
}

void RunRecorder::save_best(const LogLine& line) {
  const Recipe& recipe = session_.recipe;
  NetworkSet& networks = session_.student.networks;
  networks.info = {{"kimg", line.kimg},
                   {"stage", line.stage},
                   {"recipe", recipe_toml(recipe.without_run())},
                   {"data", std::filesystem::path(recipe.run.data).filename().string()}};
  if (evaluator_.has_features()) {
    const int64_t samples = evaluator_.sample_count(*sampler_of(networks, "the student"), recipe.samples);
    networks.info["distance"] = {{"name", evaluator_.distance_name()}, {"samples", samples}, {"value", *line.distance}};
  }
  save_model(directory_.best(), networks);
}

void RunRecorder::evaluate_and_log(const Stage& stage) {
  RunState& state = session_.state;
  const double kimg = static_cast<double>(state.images) / 1000;
  LogLine line{.stage = stage.number,
               .kimg = kimg,
               .images = state.images,
               .step = state.step,
               .seconds = state.seconds,
               .images_per_second = session_.images_per_second(),
               .loss = state.losses.means(),
               .score = state.scores.means()};
  if (state.cpu_seconds >= 0) line.cpu_seconds = state.cpu_seconds;
  const auto sampler = sampler_of(session_.student.networks, "the student");
  sampler->recalibrate_batch_norm(session_.seed(Stream::standing_statistics),
                                  session_.student.objective->fake_label_shares(session_.label_shares));
  std::string distance_text;
  bool keep = true;
  const auto measured = evaluator_.measure_progress(session_.student.networks, "the student", *sampler,
                                                    session_.recipe.samples, Stream::evaluation);
  line.distance = measured.distance;
  line.measures = measured.others;
  if (line.distance) {
    line.best = keep = note_distance(*line.distance, kimg, stage);
    distance_text = fmt::format(" | {} {:.2f}{}", evaluator_.distance_name(), *line.distance, keep ? " (best)" : "");
  }
  if (keep) save_best(line);
  write_samples(*sampler);
  progress_.print(fmt::format("stage {} {} | kimg {:.1f} | {:.0f} img/s | {} |{}{}", stage.number, stage.name, kimg,
                              session_.images_per_second(), duration_text(state.seconds), losses_text(line.loss),
                              distance_text));
  directory_.append_log(line.to_json());
  state.log_bytes = directory_.log_size();
  if (session_.recipe.tensorboard) write_events(line);
}

std::vector<Translator> RunRecorder::translators(const NetworkSet& model, const std::string& file) const {
  return session_.family().directions().empty() ? std::vector<Translator>() : translators_of(model, file);
}

torch::Tensor RunRecorder::draw_grid(const NetworkSet& model, const std::string& file, Sampler& sampler) const {
  std::vector<torch::Tensor> rows;
  const SampleGrid row{.columns = grid_.columns, .rows = 1};
  for (const Translator& translator : translators(model, file)) {
    const torch::Tensor images = row.pick(evaluator_.input_data(translator.direction.from));
    rows.push_back(translation_rows(translator, images, session_.device));
  }
  if (!rows.empty()) return at::cat(rows);
  return grid_.draw(sampler, session_.seed(Stream::grid_latents), session_.device, &evaluator_.input_data());
}

torch::Tensor RunRecorder::real_grid() const {
  const auto directions = session_.family().directions();
  if (directions.empty()) return grid_.pick(evaluator_.real_data());
  std::vector<torch::Tensor> rows;
  const SampleGrid part{.columns = grid_.columns, .rows = grid_.rows / static_cast<int64_t>(directions.size())};
  for (const Direction& direction : directions) rows.push_back(part.pick(evaluator_.input_data(direction.from)));
  return at::cat(rows);
}

std::vector<std::string> RunRecorder::grid_rows(const NetworkSet& model, const std::string& file) const {
  std::vector<std::string> rows;
  for (const Translator& translator : translators(model, file)) {
    const auto names = translation_row_names(translator, session_.family());
    rows.insert(rows.end(), names.begin(), names.end());
  }
  for (const int64_t label : grid_.row_labels) {
    rows.push_back(session_.data[0]->info().classes[static_cast<size_t>(label)]);
  }
  return rows;
}

std::string RunRecorder::grid_name() const { return fmt::format("{:06d}", session_.state.images / 1000); }

void RunRecorder::write_events(const LogLine& line) {
  const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  const auto add_grid = [&](int64_t step, const std::string& tag, const std::string& name) {
    const auto path = directory_.sample(name);
    if (std::filesystem::exists(path)) events_.add_png(now, step, tag, read_file(path));
  };
  if (events_.empty()) {
    add_grid(0, "real", "real");
    add_grid(0, "teacher", "teacher");
  }
  events_.add_scalars(now, line.images, log_scalars(TableReader(json_text(line.to_json()), "the log line")));
  add_grid(line.images, "samples", grid_name());
}

void RunRecorder::write_samples(Sampler& sampler) {
  const auto write = [&](const std::string& name, const torch::Tensor& images) {
    write_grid(directory_.sample(name), images, grid_.columns);
  };
  write(grid_name(), draw_grid(session_.student.networks, "the student", sampler));
  if (!std::filesystem::exists(directory_.sample("real"))) write("real", real_grid());
  if (!session_.teacher || std::filesystem::exists(directory_.sample("teacher"))) return;
  const std::string& file = session_.recipe.teacher().file;
  const auto teacher = family_of(*session_.teacher, file).sampler(*session_.teacher);
  if (teacher) write("teacher", draw_grid(*session_.teacher, file, *teacher));
}

std::optional<FinalMeasures> RunRecorder::measure(const NetworkSet& model, const std::string& file, Sampler& sampler,
                                                  const Evaluator::RealSets& real) const {
  const Recipe& recipe = session_.recipe;
  const int64_t samples = recipe.final_samples;
  const auto directions = translators(model, file);
  if (!directions.empty()) return evaluator_.measure(directions, samples, Stream::final_evaluation, real);
  if (!evaluator_.has_features()) return std::nullopt;
  FinalMeasures measures = evaluator_.measure(sampler, samples, Stream::final_evaluation, real);
  const Family& family = family_of(model, file);
  if (const auto prior = family.prior_sampler(model)) {
    measures.prior_distance =
        evaluator_.distance(*prior, evaluator_.sample_count(sampler, samples), Stream::final_evaluation);
  }
  measures.own = own_measures(family, model, evaluator_.real_data(), session_.device);
  for (const SolverChoice& choice : sampler.measured_solvers()) {
    const auto by_choice = family.sampler(model);
    by_choice->choose_solver(choice, file);
    measures.by_solver.push_back(
        {choice.name, by_choice->calls(), evaluator_.distance(*by_choice, recipe.samples, Stream::final_evaluation)});
  }
  return measures;
}

std::optional<FinalMeasures> RunRecorder::measure_teacher(const SampleSpec& own,
                                                          const Evaluator::RealSets& real) const {
  if (!session_.teacher) return std::nullopt;
  const std::string& file = session_.recipe.teacher().file;
  const auto left_out = [&](const std::string& why) {
    if (evaluator_.has_features()) progress_.print(fmt::format("{}: {}", file, why));
    return std::nullopt;
  };
  const auto teacher = family_of(*session_.teacher, file).sampler(*session_.teacher);
  if (!teacher) return std::nullopt;
  // A teacher of another size has no distance to these images.
  if (teacher->spec().output != own.output) return std::nullopt;
  const size_t directions = session_.family().directions().size();
  const size_t theirs = translators(*session_.teacher, file).size();
  if (theirs == 0 && directions > 0) return left_out("the teacher translates no images, so it is not measured");
  if (theirs < directions) left_out("the teacher lacks a direction, so its distance, a mean over all, is left out");
  return measure(*session_.teacher, file, *teacher, real);
}

void RunRecorder::finish() {
  const Recipe& recipe = session_.recipe;
  const std::string best = directory_.best().string();
  NetworkSet result = load_model(directory_.best());
  result.to(session_.device);
  result.set_reference(recipe.reference);
  const auto sampler = sampler_of(result, best);
  SummaryInput input;
  input.recipe = recipe;
  input.state = session_.state;
  input.data = session_.data[0]->info();
  input.grid_rows = grid_rows(result, best);
  input.device = session_.device;
  input.processes = session_.processes->count();
  input.result = &result;
  input.teacher = session_.teacher.get();
  if (evaluator_.has_features()) {
    input.metric = evaluator_.distance_name();
    input.metric_samples = evaluator_.sample_count(*sampler, recipe.final_samples);
    progress_.print(fmt::format("measuring the result over {} samples", input.metric_samples));
    input.judge_metric = evaluator_.judge_name();
    input.distance_last3 = mean_of_last_three(read_run_log(directory_.log()).distance);
  }
  const Evaluator::RealSets real = evaluator_.real_images();
  input.result_measures = measure(result, best, *sampler, real);
  input.teacher_measures = measure_teacher(sampler->spec(), real);
  if (evaluator_.has_features()) {
    result.info["distance"] = {
        {"name", input.metric}, {"samples", input.metric_samples}, {"value", *input.result_measures->distance}};
  }
  write_grid(directory_.sample("final"), draw_grid(result, best, *sampler), grid_.columns);
  save_model(directory_.model(), result);
  const nlohmann::json summary = make_summary(input);
  write_file(directory_.summary(), json_text(summary, 2) + "\n");
  write_report(directory_.path());
  progress_.print(summary_table(summary));
}

}  // namespace dgl
