#include "dgl/report/ratio_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dgl/base/text.h"
#include "dgl/report/html.h"

namespace dgl {

namespace {

constexpr size_t kMaxTicks = 9;

/// The range of ratios that the axis shows.
struct Axis {
  double low = 0.9, high = 1.1;

  void reach(double ratio) {
    low = std::min(low, ratio);
    high = std::max(high, ratio);
  }
  /// Returns the position of a ratio on the axis, in percent.
  double place(double ratio) const {
    const double at = std::log(ratio / low) / std::log(high / low);
    return 100 * (0.02 + 0.96 * std::clamp(at, 0.0, 1.0));
  }
};

std::string line_html(const char* kind, double x1, double x2, const char* y1, const char* y2) {
  return fmt::format("<line class=\"{}\" x1=\"{:.2f}%\" x2=\"{:.2f}%\" y1=\"{}\" y2=\"{}\"/>", kind, x1, x2, y1, y2);
}

std::string row_html(const RatioRow& row, const Axis& axis, const std::vector<double>& ticks) {
  std::string marks, seeds;
  for (const double tick : ticks) {
    marks += line_html(tick == 1 ? "even" : "tick", axis.place(tick), axis.place(tick), "0", "100%");
  }
  const bool drawn = row.mean && *row.mean > 0;
  if (drawn && row.interval) {
    // The axis shows the runs; an interval of few of them reaches beyond it.
    const auto [low, high] = *row.interval;
    marks += line_html("error", axis.place(std::max(low, axis.low)), axis.place(high), "50%", "50%");
  }
  for (const RatioRow::Run& run : row.runs) {
    const std::string text = fmt::format("seed {:g}: {}", run.seed, figure_text(run.ratio));
    seeds += "; " + text;
    marks += fmt::format("<circle cx=\"{:.2f}%\" cy=\"50%\" r=\"4.5\"><title>{}</title></circle>",
                         axis.place(run.ratio), text);
  }
  if (drawn) marks += line_html("mean", axis.place(*row.mean), axis.place(*row.mean), "12%", "88%");
  std::string value = row.mean ? figure_text(*row.mean) : "";
  if (drawn && row.interval) {
    value += fmt::format(" ({} to {})", figure_text(row.interval->first), figure_text(row.interval->second));
  }
  return fmt::format("<div>{0}</div><svg role=\"img\" aria-label=\"{0}: {1}{2}\">{3}</svg><div>{1}</div>\n",
                     escape_html(row.name), value, seeds, marks);
}

}  // namespace

std::vector<double> ratio_ticks(double low, double high) {
  const int first = static_cast<int>(std::floor(std::log10(low))),
            last = static_cast<int>(std::floor(std::log10(high)));
  const auto fill = [&](const std::vector<double>& leads, int step) {
    std::vector<double> ticks;
    for (int decade = first; decade <= last; ++decade) {
      for (const double lead : leads) {
        const double tick = decade < 0 ? lead / std::pow(10, -decade) : lead * std::pow(10, decade);
        if (tick >= low && tick <= high && decade % step == 0) ticks.push_back(tick);
      }
    }
    return ticks;
  };
  std::vector<double> ticks;
  for (const std::vector<double>& leads : {std::vector<double>{1, 1.1, 1.2, 1.3, 1.4, 1.5, 2, 3, 4, 5, 6, 7, 8, 9},
                                           {1, 1.5, 2, 3, 5, 7},
                                           {1, 2, 5},
                                           {1}}) {
    ticks = fill(leads, 1);
    if (ticks.size() <= kMaxTicks) return ticks;
  }
  for (int step = 2; ticks.size() > kMaxTicks; ++step) ticks = fill({1}, step);
  return ticks;
}

std::string ratio_plot(const std::vector<RatioRow>& rows) {
  Axis axis;
  bool any = false;
  for (const RatioRow& row : rows) {
    for (const RatioRow::Run& run : row.runs) {
      any = true;
      axis.reach(run.ratio);
    }
  }
  if (!any) return "";
  const std::vector<double> ticks = ratio_ticks(axis.low, axis.high);
  std::string html = "<div class=\"ratios\">\n";
  for (const RatioRow& row : rows) {
    if (!row.runs.empty()) html += row_html(row, axis, ticks);
  }
  html += "<div></div><svg aria-hidden=\"true\">";
  for (const double tick : ticks)
    html += fmt::format("<text x=\"{:.2f}%\" y=\"14\">{:g}</text>", axis.place(tick), tick);
  return html + "</svg><div></div></div>\n";
}

}  // namespace dgl
