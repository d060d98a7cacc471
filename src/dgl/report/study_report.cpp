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

namespace dgl {

namespace {

constexpr uint64_t kMaxResultsBytes = 64 << 20;
constexpr size_t kMaxPictures = 32;
/// Number of runs required to divide a difference by its error. Two runs estimate the error too poorly.
constexpr double kFewestRuns = 3;

/// Formats a spread as "27.5 ± 0.4", or "–" if it is empty. The error needs two runs.
std::string spread_text(const TableReader& spread, bool sign = false) {
  const auto mean = spread.number("mean");
  if (!mean) return "–";
  return (sign && *mean > 0 ? "+" : "") + mean_text(*mean, spread.number("error"));
}

std::string table_section(const TableReader& results, const std::string& metric) {
  std::string rows;
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  const bool timed =
      std::any_of(arms.begin(), arms.end(), [](const TableReader& arm) { return arm.object("time").number("mean"); });
  for (const TableReader& arm : arms) {
    const std::string name = arm.text("name").value_or("");
    const TableReader difference = arm.object("difference"), fd = arm.object("fd");
    const bool is_control = name == control;
    const auto mean = difference.number("mean"), error = difference.number("error");
    const bool counts = difference.number("count").value_or(0) >= kFewestRuns;
    int64_t failed = 0;
    for (const TableReader& run : arm.objects("runs")) failed += run.text("failure").has_value();
    std::string runs = fmt::format("{:g}", fd.number("count").value_or(0));
    if (failed > 0) runs += fmt::format(", {} failed", failed);
    rows += fmt::format(
        "<tr><th "
        "scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>{}</tr>\n",
        escape_html(name), runs, spread_text(fd), fd.number("deviation") ? figure_text(*fd.number("deviation")) : "–",
        spread_text(arm.object("fd_end")), is_control ? "control" : spread_text(difference, true),
        is_control ? "" : spread_text(arm.object("ratio")),
        counts && mean && error && *error > 0 ? fmt::format("{:+.1f}", *mean / *error) : "–",
        timed ? fmt::format("<td>{}</td>", is_control ? "" : spread_text(arm.object("time"))) : "");
  }
  const TableReader teacher = results.object("teacher");
  if (const auto fd = teacher.number("fd")) {
    rows += fmt::format(
        "<tr><th scope=\"row\">teacher</th><td></td><td>{}</td><td></td><td></td><td></td><td></td><td></td>{}</tr>\n",
        mean_text(*fd, teacher.number("error")), timed ? "<td></td>" : "");
  }
  const std::string time_head =
      timed ? fmt::format("<th scope=\"col\">Time<br><small>to {}</small></th>", escape_html(control)) : "";
  return fmt::format(
      "<section><h2>Arms</h2>\n<p class=\"hint\">Means over seeds ± standard errors; smaller is better. Differences "
      "are "
      "paired: each run against the control arm’s of the same seed, of which an arm may have fewer than the control "
      "has; "
      "the ratio is the geometric mean of theirs{4}. Errors are counted in from three runs on.</p>\n<div "
      "class=\"scroll\"><table><thead><tr>"
      "<td></td><th scope=\"col\">Runs</th><th scope=\"col\">{0}<br><small>of the result</small></th>"
      "<th scope=\"col\">Deviation<br><small>between seeds</small></th><th scope=\"col\">{0}<br><small>at the last "
      "image</small></th><th scope=\"col\">Difference<br><small>to {1}</small></th><th "
      "scope=\"col\">Ratio<br><small>to {1}</small></th><th scope=\"col\">"
      "Difference<br>"
      "<small>in errors</small></th>{3}</tr></thead><tbody>\n{2}</tbody></table></div></section>",
      escape_html(metric), escape_html(control), rows, time_head,
      timed ? ", and the time that of what an image took" : "");
}

/// Shows each run relative to the control arm's run of the same seed.
std::string ratios_section(const TableReader& results, const std::string& metric) {
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  std::map<double, double> control_fd;  // by seed
  for (const TableReader& arm : arms) {
    if (arm.text("name") != control) continue;
    for (const TableReader& run : arm.objects("runs")) {
      if (const auto seed = run.number("seed"), fd = run.number("fd"); seed && fd && *fd > 0) control_fd[*seed] = *fd;
    }
  }
  std::vector<RatioRow> rows;
  for (const TableReader& arm : arms) {
    const std::string name = arm.text("name").value_or("");
    if (name == control) continue;
    RatioRow row{name, {}, arm.object("ratio").number("mean"), arm.object("ratio").number("error")};
    for (const TableReader& run : arm.objects("runs")) {
      const auto seed = run.number("seed"), fd = run.number("fd");
      if (!seed || !fd) continue;
      const auto at = control_fd.find(*seed);
      const double ratio = at == control_fd.end() ? 0 : *fd / at->second;
      if (ratio > 0 && std::isfinite(ratio)) row.runs.push_back({*seed, ratio});
    }
    rows.push_back(row);
  }
  const std::string plot = ratio_plot(rows);
  if (plot.empty()) return "";
  return fmt::format(
      "<section><h2>Run by run, beside {0}</h2>\n<p class=\"hint\">Each point is a run: its {1} over that of {0} with "
      "the same seed, on a "
      "logarithmic axis; left of 1 is better. The bar is the geometric mean, the line its standard "
      "error.</p>\n{2}</section>",
      escape_html(control), escape_html(metric), plot);
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

/// Returns the arms' curves for report.js.
nlohmann::json chart_data(const TableReader& results, const std::string& metric) {
  nlohmann::json arms = nlohmann::json::array();
  double kimg = 0;
  for (const TableReader& arm : results.objects("arms")) {
    const auto curve = arm.rows("curve", 4);  // kimg, mean, least, greatest
    if (curve.empty()) continue;
    for (const std::vector<double>& point : curve) kimg = std::max(kimg, point[0]);
    arms.push_back({{"name", arm.text("name").value_or("")}, {"points", curve}});
  }
  nlohmann::json data = {{"metric", metric},
                         {"kimg", kimg},
                         {"arms", arms},
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
  std::string lead = fmt::format("{} arms over {} seeds, all with the same images seen.",
                                 results.objects("arms").size(), seeds.size());
  if (const auto samples = results.number("metric_samples"))
    lead += fmt::format(" {} over {:g} samples.", escape_html(metric), *samples);
  const std::string title = results.text("title").value_or(results.text("study").value_or("study"));
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
            "images\"></canvas></div></div></section>";
  const std::string page =
      fill_page(page_html(), {{"title", escape_html(title)},
                              {"run", escape_html(results.text("study").value_or(""))},
                              {"command", "dgl study"},
                              {"lead", "<p class=\"lead\">" + lead + "</p>"},
                              {"tiles", ""},
                              {"pictures", pictures_section(out, results)},
                              {"table", table_section(results, metric) + ratios_section(results, metric)},
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
