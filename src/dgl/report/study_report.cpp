#include "dgl/report/study_report.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/table_reader.h"
#include "dgl/base/text.h"
#include "dgl/report/html.h"
#include "dgl/report/page_files.h"
#include "dgl/report/pictures.h"
#include "dgl/report/ratio_plot.h"
#include "dgl/report/study_tables.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxResultsBytes = 64 << 20;
constexpr size_t kMaxPictures = 32;
/// Shows each run relative to the control arm's run of the same seed.
std::string ratios_section(const TableReader& results, const std::string& metric) {
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  const bool seconds = compares_seconds(results);
  const char* const key = seconds ? "fd_at_budget" : "fd";
  std::map<double, double> control_fd;  // by seed
  for (const TableReader& arm : arms) {
    if (arm.text("name") != control) continue;
    for (const TableReader& run : arm.objects("runs")) {
      if (const auto seed = run.number("seed"), fd = run.number(key); seed && fd && *fd > 0) control_fd[*seed] = *fd;
    }
  }
  std::vector<RatioRow> rows;
  for (const TableReader& arm : arms) {
    const std::string name = arm.text("name").value_or("");
    if (name == control) continue;
    const TableReader ratio = arm.object(seconds ? "ratio_at_budget" : "ratio");
    RatioRow row{name, {}, ratio.number("mean"), ratio_interval(ratio)};
    for (const TableReader& run : arm.objects("runs")) {
      const auto seed = run.number("seed"), fd = run.number(key);
      if (!seed || !fd) continue;
      const auto at = control_fd.find(*seed);
      const double value = at == control_fd.end() ? 0 : *fd / at->second;
      if (value > 0 && std::isfinite(value)) row.runs.push_back({*seed, value});
    }
    rows.push_back(row);
  }
  const std::string plot = ratio_plot(rows);
  if (plot.empty()) return "";
  return fmt::format(
      "<section><h2>Run by run, beside {0}</h2>\n<p class=\"hint\">Each point is a run: its {1}{3} over that of {0} "
      "with "
      "the same seed, on a "
      "logarithmic axis; left of 1 is better. The bar is the geometric mean, the line its 95 % "
      "interval.</p>\n{2}</section>",
      escape_html(control), escape_html(metric), plot, seconds ? " at equal seconds" : "");
}

std::string runs_section(const TableReader& results) {
  std::string rows;
  for (const TableReader& arm : results.objects("arms")) {
    for (const TableReader& run : arm.objects("runs")) {
      const auto fd = run.number("fd"), fd_end = run.number("fd_end"), kimg = run.number("kimg");
      const auto cell = [](std::optional<double> value) { return value ? figure_text(*value) : std::string("–"); };
      const std::string note = run.text("failure").value_or("");
      rows +=
          fmt::format("<tr><th scope=\"row\">{}</th><td>{:g}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                      escape_html(run.text("folder").value_or("")), run.number("seed").value_or(0), cell(fd),
                      kimg ? kimg_text(*kimg) : "–", cell(fd_end), escape_html(note));
    }
  }
  return "<section><h2>Runs</h2>\n<details><summary>All of them</summary><div "
         "class=\"scroll\"><table><thead><tr><td></td>"
         "<th scope=\"col\">Seed</th><th scope=\"col\">Result</th><th scope=\"col\">at kimg</th><th scope=\"col\">At "
         "the last image"
         "</th><th scope=\"col\">Failure</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></details></section>";
}

/// Shows the last grid of each arm's first run that has one, beside real images and the teacher's.
std::string pictures_section(const fs::path& out, const TableReader& results) {
  std::string figures;
  size_t count = 0;
  fs::path any;
  const auto add = [&](const fs::path& file, const std::string& name) {
    const auto picture = count < kMaxPictures ? read_picture(file) : std::nullopt;
    if (!picture) return false;
    ++count;
    any = file.parent_path();
    figures += fmt::format("<figure>{}<figcaption><strong>{}</strong></figcaption></figure>\n",
                           image_element(*picture, name), escape_html(name));
    return true;
  };
  for (const TableReader& arm : results.objects("arms")) {
    for (const TableReader& run : arm.objects("runs")) {
      const std::string folder = run.text("folder").value_or("");
      // Ignores folders outside the folder of the results file.
      if (folder.empty() || fs::path(folder).is_absolute() || folder.find("..") != std::string::npos) continue;
      const std::string name =
          fmt::format("{}, seed {:.0f}", arm.text("name").value_or(""), run.number("seed").value_or(0));
      if (add(out / folder / "samples" / "final.png", name)) break;
    }
  }
  if (!any.empty()) {
    const fs::path& samples = any;
    add(samples / "teacher.png", "Teacher");
    add(samples / "real.png", "Real images");
  }
  if (figures.empty()) return "";
  return "<section><h2>Samples</h2>\n<div class=\"figures\">\n" + figures + "</div></section>";
}

/// Returns the arms' curves of a key, each point of x, mean, least and greatest, and raises `end` to the last x.
nlohmann::json arm_curves(const TableReader& results, const char* key, double& end) {
  nlohmann::json arms = nlohmann::json::array();
  for (const TableReader& arm : results.objects("arms")) {
    const auto curve = arm.rows(key, 4);
    if (curve.empty()) continue;
    for (const std::vector<double>& point : curve) end = std::max(end, point[0]);
    arms.push_back({{"name", arm.text("name").value_or("")}, {"points", curve}});
  }
  return arms;
}

/// Returns the arms' curves for report.js.
nlohmann::json chart_data(const TableReader& results, const std::string& metric) {
  double kimg = 0, seconds = 0;
  const nlohmann::json arms = arm_curves(results, "curve", kimg);
  const nlohmann::json arms_seconds = arm_curves(results, "curve_seconds", seconds);
  nlohmann::json data = {{"metric", metric},
                         {"kimg", kimg},
                         {"seconds", seconds},
                         {"arms", arms},
                         {"arms_seconds", arms_seconds},
                         {"stages", nlohmann::json::array()},
                         {"distance", nlohmann::json::array()},
                         {"losses", nlohmann::json::object()},
                         {"scores", nlohmann::json::object()},
                         {"speed", nlohmann::json::array()}};
  return data;
}

}  // namespace

void write_study_report(const fs::path& out) {
  const fs::path file = out / "results.json";
  const std::string text = read_file(file, kMaxResultsBytes);
  const TableReader results(text, file.string());
  const std::string metric = results.text("metric").value_or("fd");
  nlohmann::json data = chart_data(results, metric);
  if (const auto teacher = results.object("teacher").number("fd")) data["teacher"] = *teacher;

  std::set<double> seeds;
  for (const TableReader& arm : results.objects("arms")) {
    for (const TableReader& run : arm.objects("runs")) seeds.insert(run.number("seed").value_or(0));
  }
  std::string lead =
      fmt::format("{} arms over {} seeds, {}.", results.objects("arms").size(), seeds.size(),
                  compares_seconds(results) ? "compared at equal seconds" : "all with the same images seen");
  if (const auto samples = results.number("metric_samples"))
    lead += fmt::format(" {} over {:g} samples.", escape_html(metric), *samples);
  const std::string title = results.text("title").value_or(results.text("study").value_or("study"));
  const std::string seconds_chart =
      data["arms_seconds"].empty()
          ? ""
          : "<div class=\"chart\" data-chart=\"arms\"><div class=\"chart-head\"><h3>The same over seconds</h3></div>"
            "<p class=\"hint\">" +
                seconds_words(results, "clock") +
                ", evaluations left out: the mean of the runs’ seconds at the same images.</p>"
                "<div class=\"plot\"><canvas id=\"arms-seconds\" role=\"img\" aria-label=\"Distance over "
                "seconds\"></canvas></div></div>";
  const std::string chart =
      data["arms"].empty()
          ? ""
          : "<section><h2>Curves</h2>\n<noscript><p class=\"hint\">The curves need JavaScript.</p></noscript>\n"
            "<div class=\"chart\" data-chart=\"arms\"><div class=\"chart-head\"><h3>Distance to the real images</h3>"
            "<div class=\"switch\" role=\"group\" aria-label=\"Scale\"><button type=\"button\" "
            "data-scale=\"linear\">linear</button>"
            "<button type=\"button\" data-scale=\"logarithmic\">log</button></div></div>"
            "<p class=\"hint\">Means over seeds; the bands reach from the least to the greatest.</p>"
            "<div class=\"plot\"><canvas id=\"arms\" role=\"img\" aria-label=\"Distance to the real "
            "images\"></canvas></div></div>" +
                seconds_chart + "</section>";
  const std::string seconds_table = seconds_section(results, metric);
  const std::string tables = compares_seconds(results) ? seconds_table + arms_section(results, metric)
                                                       : arms_section(results, metric) + seconds_table;
  const std::string page =
      fill_page(page_html(), {{"title", escape_html(title)},
                              {"run", escape_html(results.text("study").value_or(""))},
                              {"command", "dgl study"},
                              {"lead", "<p class=\"lead\">" + lead + "</p>"},
                              {"tiles", ""},
                              {"pictures", pictures_section(out, results)},
                              {"table", tables + ratios_section(results, metric) + judges_section(results, metric)},
                              {"charts", chart},
                              {"stages", ""},
                              {"strip", ""},
                              {"facts", runs_section(results)},
                              {"remake", ""},
                              {"recipe", ""},
                              {"css", std::string(page_css())},
                              {"chart_js", std::string(chart_js())},
                              {"data", script_json(data)},
                              {"js", std::string(page_js())}});
  write_file(out / "report.html", page);
}

}  // namespace dgl
