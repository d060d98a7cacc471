#include "dgl/report/report.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/text.h"
#include "dgl/report/html.h"
#include "dgl/report/page_files.h"
#include "dgl/report/pictures.h"
#include "dgl/report/sections.h"
#include "dgl/run/run_log.h"

namespace dgl {

namespace {

constexpr size_t kCurvePoints = 800;
constexpr size_t kStripPictures = 24;
constexpr uint64_t kStripBytes = uint64_t{64} << 20;
constexpr uint64_t kMaxSummaryBytes = 4 << 20;
constexpr uint64_t kMaxRecipeBytes = 1 << 20;

nlohmann::json curve_json(const Curve& curve) {
  nlohmann::json points = nlohmann::json::array();
  for (const CurvePoint& point : thinned(curve, kCurvePoints)) points.push_back({point.kimg, point.value});
  return points;
}

nlohmann::json curves_json(const std::map<std::string, Curve>& curves) {
  nlohmann::json all = nlohmann::json::object();
  for (const auto& [name, curve] : curves) all[name] = curve_json(curve);
  return all;
}

/// Returns the data for report.js.
nlohmann::json chart_data(const RunFacts& facts) {
  const RunLog& log = facts.log;
  nlohmann::json stages = nlohmann::json::array();
  for (const TableReader& stage : facts.summary.objects("stages")) {
    const auto start = stage.number("kimg_start"), end = stage.number("kimg_end");
    if (!start || !end) continue;
    std::string name = fmt::format("stage {:g}", stage.number("stage").value_or(1));
    if (const auto word = stage.text("name")) name += ": " + *word;
    stages.push_back({{"name", name}, {"start", *start}, {"end", *end}});
  }
  if (stages.empty()) {
    for (const StageSpan& stage : log.stages) {
      stages.push_back(
          {{"name", fmt::format("stage {}", stage.number)}, {"start", stage.kimg_start}, {"end", stage.kimg_end}});
    }
  }
  nlohmann::json data = {{"metric", facts.metric},
                         {"kimg", log.kimg},
                         {"stages", stages},
                         {"distance", curve_json(log.distance)},
                         {"losses", curves_json(log.losses)},
                         {"scores", curves_json(log.scores)},
                         {"measures", curves_json(log.measures)},
                         {"speed", curve_json(log.images_per_second)}};
  if (facts.teacher.distance) data["teacher"] = *facts.teacher.distance;
  const TableReader result = facts.summary.object("result");
  if (const auto kimg = result.number("kimg")) data["best"] = *kimg;
  return data;
}

std::string figure_element(const Picture& picture, const std::string& name, const std::string& note) {
  return fmt::format("<figure>{}<figcaption><strong>{}</strong>{}</figcaption></figure>\n",
                     image_element(picture, name), escape_html(name), note.empty() ? "" : " " + escape_html(note));
}

/// Shows teacher, student and real images side by side.
std::string pictures_section(const fs::path& run, const RunFacts& facts, const std::vector<SampleFile>& samples) {
  std::string figures;
  const auto distance = [](std::optional<double> value) {
    return value ? "distance " + figure_text(*value) : std::string();
  };
  const auto teacher = read_picture(run / "samples" / "teacher.png");
  if (teacher) figures += figure_element(*teacher, "Teacher", distance(facts.teacher.distance));
  const std::string own = teacher || facts.has_teacher ? "Student" : "Model";
  if (const auto final = read_picture(run / "samples" / "final.png")) {
    figures += figure_element(*final, own, distance(facts.own.distance));
  } else if (!samples.empty()) {
    if (const auto last = read_picture(samples.back().path)) {
      figures += figure_element(*last, own, fmt::format("at {:g} kimg", samples.back().kimg));
    }
  }
  if (const auto real = read_picture(run / "samples" / "real.png")) figures += figure_element(*real, "Real images", "");
  if (figures.empty()) return "";
  std::string note = teacher ? "Teacher and student get the same latent codes, or the same images." : "";
  if (const auto rows = facts.summary.texts("grid_rows"); !rows.empty()) {
    note += fmt::format("{}The rows, from the top: {}.", note.empty() ? "" : " ",
                        escape_html(fmt::format("{}", fmt::join(rows, ", "))));
  }
  if (!note.empty()) note = "<p class=\"hint\">" + note + "</p>\n";
  return fmt::format("<section><h2>Samples</h2>\n{}<div class=\"figures\">\n{}</div></section>", note, figures);
}

/// Points to the page that runs the model, where `dgl report --page` has written one.
std::string demo_section(const fs::path& run) {
  if (!fs::exists(run / "demo.html")) return "";
  return "<p class=\"demo\"><a href=\"demo.html\">Run the model in this browser</a></p>";
}

/// Shows the grids over time. Without scripts, and in print, only the last one is visible.
std::string strip_section(const std::vector<SampleFile>& samples) {
  if (samples.size() < 2) return "";
  std::string images;
  for (const SampleFile& sample : samples) {
    const auto picture = read_picture(sample.path);
    if (!picture) continue;
    images +=
        image_element(*picture, fmt::format("Samples at {:g} kimg", sample.kimg),
                      fmt::format("data-kimg=\"{:g}\"{}", sample.kimg, &sample == &samples.back() ? "" : " hidden"));
    images += "\n";
  }
  return fmt::format(R"(<section><h2>Samples over training</h2>
<p class="hint">Of the same latent codes, or the same images, all along.</p>
<div id="strip">
<div class="controls" hidden><button type="button" id="play">Play</button><input type="range" id="time" min="0" max="{}" value="{}" aria-label="Time of training"><output id="when"></output></div>
<div class="frames">
{}</div></div></section>)",
                     samples.size() - 1, samples.size() - 1, images);
}

std::string canvas(const char* id, const char* title, const char* hint, const char* extra = "") {
  return fmt::format(
      R"(<div class="chart" data-chart="{0}"><div class="chart-head"><h3>{1}</h3>{3}</div><p class="hint">{2}</p><div class="plot"><canvas id="{0}" role="img" aria-label="{1}"></canvas></div></div>)",
      id, title, hint, extra);
}

/// Adds one canvas for each group of curves in the log.
std::string charts_section(const RunFacts& facts) {
  const RunLog& log = facts.log;
  const auto any = [&](const std::string& prefix) {
    return std::any_of(log.losses.begin(), log.losses.end(),
                       [&](const auto& loss) { return loss.first.rfind(prefix, 0) == 0; });
  };
  const bool others = std::any_of(log.losses.begin(), log.losses.end(), [](const auto& loss) {
    return loss.first.rfind("g_", 0) != 0 && loss.first.rfind("d_", 0) != 0;
  });
  std::string wide, rest;
  if (!log.distance.empty()) {
    wide = canvas(
        "distance", "Distance to the real images",
        facts.teacher.distance ? "Smaller is better. The dashed line is the teacher’s, the big dot the result."
                               : "Smaller is better.",
        R"(<div class="switch" role="group" aria-label="Scale"><button type="button" data-scale="linear">linear</button><button type="button" data-scale="logarithmic">log</button></div>)");
  }
  if (std::any_of(log.measures.begin(), log.measures.end(),
                  [](const auto& measure) { return measure.first.find("_psnr_") != std::string::npos; })) {
    rest += canvas("psnr", "PSNR of translations",
                   "In dB, of what comes back and, where they are known, of translations "
                   "with their partners. Larger is better.");
  }
  if (any("g_")) rest += canvas("losses-g", "Generator’s losses", "Means over each tick.");
  if (any("d_")) rest += canvas("losses-d", "Discriminator’s losses", "Means over each tick.");
  if (others) rest += canvas("losses", "Losses", "Means over each tick.");
  if (!log.scores.empty()) rest += canvas("scores", "Discriminators’ scores", "Above 0 reads as real.");
  if (!log.images_per_second.empty())
    rest += canvas("speed", "Images per second", "While training, evaluation left out.");
  if (wide.empty() && rest.empty()) return "";
  return "<section><h2>Curves</h2>\n<noscript><p class=\"hint\">The curves need JavaScript.</p></noscript>\n" + wide +
         "\n<div class=\"charts\">" + rest + "</div></section>";
}

}  // namespace

std::string report_page(const fs::path& run) {
  if (!fs::is_directory(run)) fail("{}: expected a run directory", run.string());
  if (!fs::exists(run / "log.jsonl")) fail("{}: not a run directory: it has no log.jsonl", run.string());
  TableReader summary;
  if (fs::exists(run / "summary.json")) {
    summary = TableReader(read_file(run / "summary.json", kMaxSummaryBytes), (run / "summary.json").string());
  }
  const std::string name = fs::absolute(run / ".").lexically_normal().parent_path().filename().string();
  const RunFacts facts = gather_facts(name, summary, read_run_log(run / "log.jsonl"));
  const auto samples = choose_samples(run, kStripPictures, kStripBytes);

  std::string recipe;
  if (fs::exists(run / "recipe.toml")) {
    recipe = "<section><h2>The recipe</h2>\n<details><summary>recipe.toml, as run</summary><pre>" +
             escape_html(read_file(run / "recipe.toml", kMaxRecipeBytes)) + "</pre></details></section>";
  }
  std::string remake;
  if (const auto command = summary.text("remake")) {
    remake = "<section><h2>To make it again</h2>\n<pre class=\"command\">" + escape_html(*command) + "</pre></section>";
  }
  const std::string command = summary.text("command").value_or("");
  return fill_page(page_html(), {{"title", escape_html(title_text(facts))},
                                 {"run", escape_html(name)},
                                 {"command", escape_html(command.empty() ? "dgl" : "dgl " + command)},
                                 {"lead", lead_section(facts)},
                                 {"tiles", tiles_section(facts)},
                                 {"pictures", demo_section(run) + pictures_section(run, facts, samples)},
                                 {"table", table_section(facts)},
                                 {"charts", charts_section(facts)},
                                 {"stages", translations_section(facts) + stages_section(facts) +
                                                judges_section(facts) + calls_section(facts)},
                                 {"strip", strip_section(samples)},
                                 {"facts", facts_section(facts)},
                                 {"remake", remake},
                                 {"recipe", recipe},
                                 {"css", std::string(page_css())},
                                 {"chart_js", std::string(chart_js())},
                                 {"data", script_json(chart_data(facts))},
                                 {"js", std::string(page_js())}});
}

void write_report(const fs::path& run) { write_file(run / "report.html", report_page(run)); }

}  // namespace dgl
