#include "dgl/report/log_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/text.h"
#include "dgl/report/html.h"
#include "dgl/report/ratio_plot.h"

namespace dgl {

namespace {

// In units of the picture, which is scaled to the width of the page.
constexpr double kWidth = 640, kHeight = 260, kLeft = 56, kRight = 12, kTop = 10, kBottom = 44;

/// A logarithmic axis from `first` to `last`.
struct LogAxis {
  double low, high, first, last;
  double place(double value) const {
    const double share = high > low ? std::log(value / low) / std::log(high / low) : 0.5;
    return first + share * (last - first);
  }
};

}  // namespace

std::string log_plot(const std::vector<PlotLine>& lines, const std::string& x, const std::string& y) {
  std::set<double> xs;
  std::vector<double> ys;
  bool any = false;
  for (const PlotLine& line : lines) {
    any = any || line.points.size() > 1;
    for (const auto& [at, value] : line.points) {
      xs.insert(at);
      ys.push_back(value);
    }
  }
  if (!any) return "";
  const auto [least, most] = std::minmax_element(ys.begin(), ys.end());
  const LogAxis across{*xs.begin(), *xs.rbegin(), kLeft, kWidth - kRight};
  const LogAxis up{*least / 1.1, *most * 1.1, kHeight - kBottom, kTop};
  std::string svg;
  const auto text = [&](const char* kind, double left, double top, const std::string& words) {
    svg += fmt::format(R"(<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>)", kind, left, top, escape_html(words));
  };
  for (const double tick : ratio_ticks(up.low, up.high)) {
    const double at = up.place(tick);
    svg += fmt::format(R"(<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>)", kLeft, kWidth - kRight, at, at);
    text("y", kLeft - 6, at + 4, fmt::format("{:g}", tick));
  }
  for (const double at : xs) text("x", across.place(at), kHeight - kBottom + 18, fmt::format("{:g}", at));
  text("x", (kLeft + kWidth - kRight) / 2, kHeight - 6, x);
  std::string legend, described;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].points.empty()) continue;
    const size_t color = i % 6 + 1;
    std::string path;
    for (const auto& [at, value] : lines[i].points) {
      path += fmt::format("{:.1f},{:.1f} ", across.place(at), up.place(value));
    }
    svg += fmt::format("<polyline style=\"stroke: var(--c{})\" points=\"{}\"/>", color, path);
    for (const auto& [at, value] : lines[i].points) {
      const std::string said = fmt::format("{}, {:g}: {}", lines[i].name, at, figure_text(value));
      described += (described.empty() ? "" : "; ") + said;
      svg += fmt::format(
          R"svg(<circle style="fill: var(--c{})" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>)svg", color,
          across.place(at), up.place(value), escape_html(said));
    }
    legend += fmt::format("<span style=\"color: var(--c{})\">{}</span> ", color, escape_html(lines[i].name));
  }
  return fmt::format(
      R"(<div class="lines"><p class="hint">{0}: {1}</p><svg role="img" viewBox="0 0 {2} {3}" aria-label="{0}. {4}">{5}</svg></div>)"
      "\n",
      escape_html(y), legend, kWidth, kHeight, escape_html(described), svg);
}

}  // namespace dgl
