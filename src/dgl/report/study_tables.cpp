#include "dgl/report/study_tables.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/student_t.h"
#include "dgl/base/text.h"
#include "dgl/report/html.h"

namespace dgl {

namespace {

/// Number of runs required to divide a difference by its error. Two runs estimate the error too poorly.
constexpr double kFewestRuns = 3;

/// A table with a heading for each row. Cells are HTML.
struct Table {
  struct Column {
    std::string head, note;
  };
  std::vector<Column> columns;
  std::string rows;

  void add_row(const std::string& name, const std::vector<std::string>& cells) {
    rows += "<tr><th scope=\"row\">" + escape_html(name) + "</th>";
    for (const std::string& cell : cells) rows += "<td>" + cell + "</td>";
    rows += "</tr>\n";
  }
  std::string html() const {
    std::string head;
    for (const Column& column : columns) {
      head += "<th scope=\"col\">" + escape_html(column.head);
      if (!column.note.empty()) head += "<br><small>" + escape_html(column.note) + "</small>";
      head += "</th>";
    }
    return "<div class=\"scroll\"><table><thead><tr><td></td>" + head + "</tr></thead><tbody>\n" + rows +
           "</tbody></table></div>";
  }
};

/// Returns a section of a heading, a paragraph and a table.
std::string section(const std::string& title, const std::string& hint, const Table& table) {
  return fmt::format("<section><h2>{}</h2>\n<p class=\"hint\">{}</p>\n{}</section>", escape_html(title),
                     escape_html(hint), table.html());
}

/// Formats a spread as "27.5 ± 0.4", or "–" if it is empty. The error needs two runs.
std::string spread_text(const TableReader& spread, bool sign = false) {
  const auto mean = spread.number("mean");
  if (!mean) return "–";
  return (sign && *mean > 0 ? "+" : "") + mean_text(*mean, spread.number("error"));
}

std::string interval_text(const std::optional<std::pair<double, double>>& interval) {
  return interval ? fmt::format("{} to {}", figure_text(interval->first), figure_text(interval->second)) : "–";
}

std::optional<std::pair<double, double>> pooled_interval(const TableReader& ratio) {
  const auto low = ratio.number("pooled_low"), high = ratio.number("pooled_high");
  return low && high ? std::optional(std::pair(*low, *high)) : std::nullopt;
}

/// Returns the columns of a ratio to the control.
std::vector<Table::Column> ratio_columns(const std::string& control) {
  return {{"Ratio", "to " + control}, {"95 % interval", "of the ratio"}, {"95 % interval", "deviation pooled"}};
}

/// Returns the cells of these columns.
std::vector<std::string> ratio_cells(const TableReader& ratio, bool is_control) {
  if (is_control) return {"control", "", ""};
  const auto mean = ratio.number("mean");
  return {mean ? figure_text(*mean) : "–", interval_text(ratio_interval(ratio)), interval_text(pooled_interval(ratio))};
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

bool any_has(const std::vector<TableReader>& arms, const char* key) {
  return std::any_of(arms.begin(), arms.end(), [&](const TableReader& arm) { return arm.object(key).number("mean"); });
}

/// Says how the pooled deviation of a ratio came about.
std::string pooled_words(const std::vector<TableReader>& arms, const char* key) {
  for (const TableReader& arm : arms) {
    const TableReader ratio = arm.object(key);
    const auto deviation = ratio.number("pooled_deviation"), degrees = ratio.number("pooled_degrees");
    if (deviation && degrees) {
      return fmt::format(" The pooled deviation of the logarithm over all arms is {} with {:g} degrees of freedom.",
                         figure_text(*deviation), *degrees);
    }
  }
  return "";
}

/// Formats seconds until a level: "12.3 ± 0.4", with the number of runs that reached it.
std::string reached_text(const TableReader& seconds) {
  const auto of = seconds.number("of");
  if (!of) return "–";
  const std::string reached = fmt::format("{:g} of {:g}", seconds.number("count").value_or(0), *of);
  return seconds.number("mean") ? spread_text(seconds) + ", " + reached : reached;
}

}  // namespace

std::optional<std::pair<double, double>> ratio_interval(const TableReader& ratio) {
  const auto low = ratio.number("low"), high = ratio.number("high");
  if (low && high) return std::pair(*low, *high);
  const auto mean = ratio.number("mean"), error = ratio.number("error");
  const double count = ratio.number("count").value_or(0);
  if (!mean || !error || !(*mean > 0) || !(count >= 2 && count <= 1e6)) return std::nullopt;
  const double reach = student_t_quantile(static_cast<int64_t>(count) - 1) * *error / *mean;
  return std::pair(*mean * std::exp(-reach), *mean * std::exp(reach));
}

bool compares_seconds(const TableReader& results) { return results.text("equal") == "seconds"; }

std::string seconds_words(const TableReader& results, const std::string& key) {
  return results.text(key) == "processor" ? "processor seconds of training divided by the threads"
                                          : "wall seconds of training";
}

std::string arms_section(const TableReader& results, const std::string& metric) {
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  const bool timed = any_has(arms, "time"), last3 = any_has(arms, "fd_last3"), paired = !compares_seconds(results);
  Table table;
  table.columns = {{"Runs", ""}, {metric, "of the result"}, {"Deviation", "between seeds"}};
  if (last3) table.columns.push_back({metric, "mean of the last three"});
  table.columns.push_back({metric, "at the last image"});
  if (paired) {
    table.columns.push_back({"Difference", "to " + control});
    append(table.columns, ratio_columns(control));
    table.columns.push_back({"Difference", "in errors"});
  }
  if (timed) table.columns.push_back({"Time of an image", "to " + control});
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
    std::vector<std::string> cells{runs, spread_text(fd),
                                   fd.number("deviation") ? figure_text(*fd.number("deviation")) : "–"};
    if (last3) cells.push_back(spread_text(arm.object("fd_last3")));
    cells.push_back(spread_text(arm.object("fd_end")));
    if (paired) {
      cells.push_back(is_control ? "" : spread_text(difference, true));
      append(cells, ratio_cells(arm.object("ratio"), is_control));
      cells.push_back(counts && mean && error && *error > 0 ? fmt::format("{:+.1f}", *mean / *error) : "–");
    }
    if (timed) cells.push_back(is_control ? "" : spread_text(arm.object("time")));
    table.add_row(name, cells);
  }
  const TableReader teacher = results.object("teacher");
  if (const auto fd = teacher.number("fd")) {
    std::vector<std::string> cells(table.columns.size());
    cells[1] = mean_text(*fd, teacher.number("error"));
    table.add_row("teacher", cells);
  }
  std::string hint = "Means over seeds ± standard errors; smaller is better.";
  if (paired) {
    hint +=
        " Differences are paired: each run against the control arm’s of the same seed, of which an arm may have fewer "
        "than the control has. The ratio is the geometric mean of theirs, with Student’s t interval." +
        pooled_words(arms, "ratio") + " Errors are counted in from three runs on.";
  } else {
    hint += " The runs differ in images and time, so that the comparison is the table above.";
  }
  if (timed) {
    hint += " The time of an image is the ratio of " + seconds_words(results, "time_clock") + ", evaluations left out.";
  }
  return section("Arms", hint, table);
}

std::string seconds_section(const TableReader& results, const std::string& metric) {
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  if (!any_has(arms, "seconds")) return "";
  Table table;
  table.columns = {{"Seconds", "of training"}, {metric, "at equal seconds"}};
  append(table.columns, ratio_columns(control));
  append(table.columns, {{"Seconds to the teacher’s level", "runs that reached it"},
                         {"Seconds to " + control + "’s end", "runs that reached it"},
                         {"Ratio of these", "to " + control},
                         {"95 % interval", "of the ratio"}});
  for (const TableReader& arm : arms) {
    const std::string name = arm.text("name").value_or("");
    const bool is_control = name == control;
    std::vector<std::string> cells{spread_text(arm.object("seconds")), spread_text(arm.object("fd_at_budget"))};
    append(cells, ratio_cells(arm.object("ratio_at_budget"), is_control));
    cells.push_back(reached_text(arm.object("seconds_to_teacher")));
    cells.push_back(reached_text(arm.object("seconds_to_control")));
    const TableReader ratio = arm.object("seconds_to_control_ratio");
    const auto mean = ratio.number("mean");
    cells.push_back(is_control ? "control" : mean ? figure_text(*mean) : "–");
    cells.push_back(is_control ? "" : interval_text(ratio_interval(ratio)));
    table.add_row(name, cells);
  }
  std::vector<double> budgets;
  for (const std::vector<double>& row : results.rows("budgets", 2)) budgets.push_back(row[1]);
  std::string hint = fmt::format("Seconds are {}, evaluations left out.", seconds_words(results, "clock"));
  if (!budgets.empty()) {
    const auto [least, greatest] = std::minmax_element(budgets.begin(), budgets.end());
    hint += fmt::format(
        " Runs of a seed are compared where the first of them ended{}, at {}{} s. Between evaluations the distance is "
        "interpolated.",
        results.number("seconds") ? fmt::format(", at {} s at most", figure_text(*results.number("seconds"))) : "",
        *greatest > *least ? figure_text(*least) + " to " : "", figure_text(*greatest));
  }
  hint += pooled_words(arms, "ratio_at_budget") +
          " A level is reached at the first evaluation with that distance or less; means are over the runs that "
          "reached it.";
  return section(compares_seconds(results) ? "Arms at equal seconds" : "By the clock", hint, table);
}

std::string judges_section(const TableReader& results, const std::string& metric) {
  const std::string control = results.text("control").value_or("");
  const auto arms = results.objects("arms");
  const auto judge = results.text("judge_metric");
  const TableReader teacher = results.object("teacher");
  std::vector<std::pair<const char*, Table::Column>> measures;
  for (const auto& [key, column] :
       std::vector<std::pair<const char*, Table::Column>>{{"kid_mean", {"KID", "of the result"}},
                                                          {"precision", {"Precision", "larger is better"}},
                                                          {"recall", {"Recall", "larger is better"}},
                                                          {"psnr", {"PSNR, dB", "larger is better"}},
                                                          {"ssim", {"SSIM", "larger is better"}},
                                                          {"lpips", {"LPIPS", "of reconstructions"}},
                                                          {"prior_fd", {metric, "of latents from the prior"}}}) {
    if (any_has(arms, key)) measures.emplace_back(key, column);
  }
  if (judge && any_has(arms, "judge_fd")) measures.push_back({"judge_fd", {*judge, "the judge, of the result"}});
  if (measures.empty()) return "";
  Table table;
  for (const auto& [key, column] : measures) table.columns.push_back(column);
  const bool judged = std::string(measures.back().first) == "judge_fd";
  if (judged) append(table.columns, ratio_columns(control));
  for (const TableReader& arm : arms) {
    const std::string name = arm.text("name").value_or("");
    std::vector<std::string> cells;
    cells.reserve(measures.size());
    for (const auto& [key, column] : measures) cells.push_back(spread_text(arm.object(key)));
    if (judged) append(cells, ratio_cells(arm.object("judge_ratio"), name == control));
    table.add_row(name, cells);
  }
  std::vector<std::string> cells(table.columns.size());
  bool any = false;
  for (size_t i = 0; i < measures.size(); ++i) {
    const std::string key = measures[i].first;
    const auto mean = teacher.number(key);
    any = any || mean;
    if (mean) cells[i] = mean_text(*mean, teacher.number(key + "_error"));
  }
  if (any) table.add_row("teacher", cells);
  std::string hint = fmt::format(
      "Means over seeds ± standard errors. KID, precision and recall are on the features of {}, over at most 10 000 "
      "images of each kind.",
      metric);
  if (judged) {
    hint += fmt::format(" {} is on the features of another network, the judge, which no run was chosen or trained by.",
                        *judge) +
            pooled_words(arms, "judge_ratio");
  }
  return section("What else judges the results", hint, table);
}

}  // namespace dgl
