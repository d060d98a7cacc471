#include "dgl/report/sections.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/text.h"
#include "dgl/report/html.h"
#include "dgl/report/log_plot.h"

namespace dgl {

namespace {

using Figure = std::optional<double>;

ModelFacts model_facts(const TableReader& json) {
  ModelFacts model;
  model.file = json.text("file").value_or("");
  model.width = json.text("width").value_or("");
  model.distance = json.number("fd");
  const TableReader generator = json.object("generator"), discriminator = json.object("discriminator");
  model.params = generator.number("params");
  model.macs = generator.number("macs");
  model.discriminator_params = discriminator.number("params");
  model.discriminator_macs = discriminator.number("macs");
  for (const auto& [name, value] : generator.object("latency_ms").numbers(16)) {
    int64_t batch = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), batch).ec == std::errc()) {
      model.latency_ms[batch] = value;
    }
  }
  return model;
}

/// Returns a / b, or nothing unless both exist and are above 0.
Figure ratio(Figure a, Figure b) {
  if (!a || !b || !(*a > 0) || !(*b > 0)) return std::nullopt;
  return *a / *b;
}

Figure find(const std::map<int64_t, double>& values, int64_t key) {
  const auto found = values.find(key);
  return found == values.end() ? Figure() : Figure(found->second);
}

/// Formats a factor for a headline, with one decimal below 100.
std::string times(double value) { return (value < 99.5 ? fmt::format("{:.1f}", value) : count_text(value)) + "×"; }

/// Formats a ratio as a change with a non-breaking space: "+12 %".
std::string percent(double value) {
  const double change = std::round((value - 1) * 1000) / 10;
  return fmt::format("{}{:g}\u00a0%", change > 0 ? "+" : change < 0 ? "−" : "±", std::abs(change));
}

/// True if a ratio is far enough from 1 for a headline.
bool counts(Figure value) { return value && *value >= 1.05; }

/// Returns the latency ratio at the largest batch size that both were measured at. More of it is arithmetic than at
/// batch 1.
std::optional<std::pair<int64_t, double>> speedup(const RunFacts& facts) {
  std::optional<std::pair<int64_t, double>> best;
  for (const auto& [batch, own] : facts.own.latency_ms) {
    if (const Figure r = ratio(find(facts.teacher.latency_ms, batch), own)) best = {batch, *r};
  }
  return best;
}

std::string time_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(std::clamp(seconds, 0.0, 1e12)));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s / 60 % 60);
}

std::string own_name(const RunFacts& facts) { return facts.has_teacher ? "Student" : "Model"; }

std::string tile(const std::string& label, const std::string& value, const std::string& note) {
  return fmt::format(
             R"(<div class="tile"><div class="label">{}</div><div class="value">{}</div><div class="note">{}</div></div>)",
             escape_html(label), escape_html(value), escape_html(note)) +
         "\n";
}

}  // namespace

RunFacts gather_facts(const std::string& name, const TableReader& summary, RunLog log) {
  RunFacts facts;
  facts.name = name;
  facts.summary = summary;
  facts.log = std::move(log);
  facts.has_teacher = !summary.object("teacher").empty();
  const TableReader student = summary.object("student");
  facts.own = model_facts(student.empty() ? summary.object("model") : student);
  facts.teacher = model_facts(summary.object("teacher"));
  facts.metric = summary.text("metric").value_or("fd");
  if (!facts.own.distance) facts.own.distance = summary.object("result").number("fd");
  return facts;
}

std::string title_text(const RunFacts& facts) {
  if (facts.summary.empty()) return "Training continues: " + kimg_text(facts.log.kimg) + " kimg so far";
  const ModelFacts &own = facts.own, &teacher = facts.teacher;
  const Figure smaller = ratio(teacher.params, own.params), less = ratio(teacher.macs, own.macs);
  const auto faster = speedup(facts);
  std::vector<std::string> parts;
  if (counts(smaller)) parts.push_back(times(*smaller) + " smaller");
  if (faster && counts(faster->second)) {
    parts.push_back(times(faster->second) + " faster");
  } else if (counts(less)) {
    parts.push_back(times(*less) + " cheaper");
  }
  if (!parts.empty()) return fmt::format("A student {} than its teacher", fmt::join(parts, " and "));
  if (const Figure r = ratio(own.distance, teacher.distance); r && *r < 0.995) {
    return fmt::format("A student {:.0f} % closer to the real images than its teacher", (1 - *r) * 100);
  }
  if (own.distance) {
    return fmt::format("{} at a distance of {} to the real images", own_name(facts), figure_text(*own.distance));
  }
  return own_name(facts) + " after " + kimg_text(facts.log.kimg) + " kimg";
}

std::string lead_section(const RunFacts& facts) {
  const TableReader& summary = facts.summary;
  std::string text;
  if (facts.own.distance) {
    text += fmt::format("The {}’s distance to the real images is <strong>{}</strong>",
                        facts.has_teacher ? "student" : "model", figure_text(*facts.own.distance));
    if (facts.teacher.distance) {
      text += fmt::format(", the teacher’s <strong>{}</strong>", figure_text(*facts.teacher.distance));
      if (const Figure r = ratio(facts.own.distance, facts.teacher.distance)) text += " (" + percent(*r) + ")";
    }
    text += fmt::format(": {}", escape_html(facts.metric));
    if (const Figure samples = summary.number("metric_samples")) text += fmt::format(" over {:.0f} samples", *samples);
    text += "; smaller is better.";
    const TableReader result = summary.object("result");
    if (const Figure kimg = result.number("kimg")) {
      text += " It was reached at " + kimg_text(*kimg) + " kimg";
      if (const Figure stage = result.number("stage")) text += fmt::format(", in stage {:.0f}", *stage);
      text += ".";
    }
  }
  if (text.empty() && summary.empty()) {
    text = fmt::format("{} of training so far. The comparison stands here once the run is done.",
                       time_text(facts.log.seconds));
  }
  if (!summary.empty() && !summary.boolean("finished").value_or(true)) text += " The run is not finished.";
  return text.empty() ? "" : "<p class=\"lead\">" + text + "</p>";
}

std::string tiles_section(const RunFacts& facts) {
  const ModelFacts &own = facts.own, &teacher = facts.teacher;
  std::string tiles;
  const auto add = [&](const char* label, Figure mine, Figure theirs, const char* unit, auto text_of) {
    if (!mine) return;
    const Figure r = ratio(theirs, mine);
    if (!r) {
      tiles += tile(label, text_of(*mine) + unit, "");
    } else if (std::abs(*r - 1) < 0.005) {
      tiles += tile(label, "the same", text_of(*mine) + unit);
    } else {
      tiles += tile(label, *r > 1 ? times(*r) + " fewer" : times(1 / *r) + " more",
                    text_of(*theirs) + " → " + text_of(*mine) + unit);
    }
  };
  add("Parameters", own.params, teacher.params, "", count_text);
  add("Multiply-adds per image", own.macs, teacher.macs, "", count_text);
  if (const auto faster = speedup(facts)) {
    const auto& [batch, r] = *faster;
    tiles += tile(fmt::format("Latency at batch {}", batch), r >= 1 ? times(r) + " faster" : times(1 / r) + " slower",
                  figure_text(teacher.latency_ms.at(batch)) + " → " + figure_text(own.latency_ms.at(batch)) + " ms");
  } else if (!own.latency_ms.empty()) {
    const auto& [batch, ms] = *own.latency_ms.rbegin();
    tiles += tile(fmt::format("Latency at batch {}", batch), figure_text(ms) + " ms", "");
  }
  if (own.distance) {
    const Figure r = ratio(own.distance, teacher.distance);
    tiles += tile("Distance to the real images", figure_text(*own.distance),
                  r ? fmt::format("teacher {}, {}", figure_text(*teacher.distance), percent(*r)) : facts.metric);
  }
  return tiles.empty() ? "" : "<div class=\"tiles\">\n" + tiles + "</div>";
}

std::string table_section(const RunFacts& facts) {
  const ModelFacts &own = facts.own, &teacher = facts.teacher;
  std::string rows;
  const auto row = [&](const std::string& name, Figure mine, Figure theirs, auto text_of, bool exact = false) {
    if (!mine && !theirs) return;
    const auto cell = [&](Figure value) {
      if (!value) return std::string("<td>–</td>");
      return exact ? fmt::format("<td title=\"{:.0f}\">{}</td>", *value, text_of(*value))
                   : fmt::format("<td>{}</td>", text_of(*value));
    };
    rows += "<tr><th scope=\"row\">" + escape_html(name) + "</th>";
    if (facts.has_teacher) rows += cell(theirs);
    rows += cell(mine);
    if (facts.has_teacher) {
      const Figure r = ratio(mine, theirs);
      rows += r ? fmt::format("<td>{}</td>", figure_text(*r)) : "<td>–</td>";
    }
    rows += "</tr>\n";
  };
  row("Generator: parameters", own.params, teacher.params, count_text, true);
  row("Generator: multiply-adds per image", own.macs, teacher.macs, count_text, true);
  std::map<int64_t, double> batches = own.latency_ms;
  batches.insert(teacher.latency_ms.begin(), teacher.latency_ms.end());
  for (const auto& [batch, unused] : batches) {
    row(fmt::format("Latency at batch {}, ms", batch), find(own.latency_ms, batch), find(teacher.latency_ms, batch),
        figure_text);
  }
  row(facts.metric + " to the real images", own.distance, teacher.distance, figure_text);
  row("Discriminator: parameters", own.discriminator_params, teacher.discriminator_params, count_text, true);
  row("Discriminator: multiply-adds per image", own.discriminator_macs, teacher.discriminator_macs, count_text, true);
  if (rows.empty()) return "";
  const auto head = [](const std::string& name, const ModelFacts& model) {
    std::string text = "<th scope=\"col\">" + name;
    if (!model.width.empty()) text += "<br><small>width " + escape_html(model.width) + "</small>";
    return text + "</th>";
  };
  std::string columns = head(own_name(facts), own);
  if (facts.has_teacher)
    columns = head("Teacher", teacher) + columns + "<th scope=\"col\" title=\"student / teacher\">Ratio</th>";
  return fmt::format(
      "<section><h2>{}</h2>\n<div class=\"scroll\"><table><thead><tr><td></td>{}</tr></thead><tbody>\n"
      "{}</tbody></table></div></section>",
      facts.has_teacher ? "Teacher and student" : "The model", columns, rows);
}

std::string stages_section(const RunFacts& facts) {
  const auto stages = facts.summary.objects("stages");
  if (stages.empty()) return "";
  std::string rows;
  for (const TableReader& stage : stages) {
    const auto figure = [&](const char* key) {
      const Figure value = stage.number(key);
      return value ? figure_text(*value) : std::string("–");
    };
    const auto plain = [&](const char* key) {
      const Figure value = stage.number(key);
      return value ? fmt::format("{:g}", *value) : std::string("–");
    };
    const auto kimg = [&](const char* key) {
      const Figure value = stage.number(key);
      return value ? kimg_text(*value) : std::string("–");
    };
    rows +=
        fmt::format("<tr><th scope=\"row\">{} {}</th><td>{}</td><td>{}–{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    plain("stage"), escape_html(stage.text("name").value_or("")), plain("lambda"), kimg("kimg_start"),
                    kimg("kimg_end"), figure("fd_end"),
                    stage.number("fd_best") ? figure("fd_best") + " <small>at " + kimg("kimg_best") + "</small>" : "–",
                    stage.number("seconds") ? time_text(*stage.number("seconds")) : "–");
  }
  return "<section><h2>Stages</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Stage</th><th "
         "scope=\"col\">λ</th><th scope=\"col\">kimg</th><th scope=\"col\">Distance at its end</th><th "
         "scope=\"col\">Best</th><th scope=\"col\">Time</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></section>";
}

std::string judges_section(const RunFacts& facts) {
  std::string rows;
  for (const TableReader& stage : facts.summary.objects("stages")) {
    const auto at_end = stage.objects("judges_end");
    for (const TableReader& start : stage.objects("judges_start")) {
      const std::string name = start.text("name").value_or("");
      Figure end;
      for (const TableReader& judge : at_end) {
        if (judge.text("name") == name) end = judge.number("auc");
      }
      const auto cell = [](Figure auc) {
        return auc ? fmt::format("<td>{:.3f}</td>", *auc) : std::string("<td>–</td>");
      };
      rows += fmt::format("<tr><th scope=\"row\">{}</th>{}{}</tr>\n", escape_html(name), cell(start.number("auc")),
                          cell(end));
    }
  }
  if (rows.empty()) return "";
  return "<section><h2>Discriminators</h2>\n<p>How well each told real images from the student’s: the area under the "
         "ROC "
         "curve, 0.5 if it could not.</p>\n<div class=\"scroll\"><table><thead><tr><td></td><th scope=\"col\">Start of "
         "stage 2</th><th scope=\"col\">End</th></tr></thead><tbody>\n" +
         rows + "</tbody></table></div></section>";
}

namespace {

/// Distances of the teacher and the model by calls of the network and sampler.
using DistancesByCalls = std::map<std::pair<double, std::string>, std::array<Figure, 2>>;

/// The better of a model's samplers over the number of calls.
std::string calls_plot(const DistancesByCalls& rows, const std::string& own, const std::string& metric) {
  std::array<PlotLine, 2> lines{PlotLine{"Teacher", {}}, {own, {}}};
  for (const auto& [row, figures] : rows) {
    for (size_t column = 0; column < 2; ++column) {
      auto& points = lines[column].points;
      const Figure& figure = figures[column];
      if (!figure || !(*figure > 0) || !(row.first > 0)) continue;
      if (points.empty() || points.back().first < row.first) {
        points.emplace_back(row.first, *figure);
      } else {
        points.back().second = std::min(points.back().second, *figure);
      }
    }
  }
  return log_plot({lines.begin(), lines.end()}, "calls of the network", metric);
}

}  // namespace

std::string translations_section(const RunFacts& facts) {
  constexpr size_t kMostFigures = 64;
  const auto read = [&](const char* model) {
    const auto all = facts.summary.object(model).object("translations").numbers(kMostFigures);
    return std::map<std::string, double>(all.begin(), all.end());
  };
  const auto own = read(facts.has_teacher ? "student" : "model"), teacher = read("teacher");
  const std::pair<const char*, std::string> names[] = {{"fd_", facts.metric},
                                                       {"judge_fd_", "Distance by the judge"},
                                                       {"cycle_psnr_", "PSNR of what comes back, dB"},
                                                       {"cycle_l1_", "Mean difference of what comes back"},
                                                       {"paired_psnr_", "PSNR with the partner, dB"},
                                                       {"paired_ssim_", "SSIM with the partner"},
                                                       {"partner_top1_", "Partner is the nearest"},
                                                       {"partner_top5_", "Partner is among the nearest five"},
                                                       {"style_accuracy_", "Taken for the new domain’s"},
                                                       {"precision_", "Precision"},
                                                       {"recall_", "Recall"}};
  const auto cell = [](const std::map<std::string, double>& figures, const std::string& name) {
    const auto found = figures.find(name);
    return found == figures.end() ? std::string("<td>–</td>") : "<td>" + figure_text(found->second) + "</td>";
  };
  std::string rows;
  for (const auto& [prefix, label] : names) {
    for (const auto& [name, value] : own) {
      if (!name.starts_with(prefix)) continue;
      std::string of = name.substr(std::string(prefix).size());
      std::replace(of.begin(), of.end(), '_', ' ');
      rows += fmt::format("<tr><th scope=\"row\">{}: {}</th>{}{}</tr>\n", escape_html(label), escape_html(of),
                          teacher.empty() ? "" : cell(teacher, name), cell(own, name));
    }
  }
  if (rows.empty()) return "";
  return fmt::format(
      "<section><h2>Translations</h2>\n<div class=\"scroll\"><table><thead><tr><td></td>{}<th scope=\"col\">{}</th>"
      "</tr></thead><tbody>\n{}</tbody></table></div></section>",
      teacher.empty() ? "" : "<th scope=\"col\">Teacher</th>", own_name(facts), rows);
}

std::string calls_section(const RunFacts& facts) {
  DistancesByCalls rows;
  const auto read = [&](const char* model, size_t column) {
    for (const TableReader& by : facts.summary.object(model).objects("fd_by_calls")) {
      rows[{by.number("calls").value_or(0), by.text("sampler").value_or("")}][column] = by.number("fd");
    }
  };
  read("teacher", 0);
  read(facts.has_teacher ? "student" : "model", 1);
  if (rows.empty()) return "";
  const bool teacher = std::any_of(rows.begin(), rows.end(), [](const auto& row) { return row.second[0].has_value(); });
  std::string text;
  for (const auto& [row, figures] : rows) {
    text += fmt::format("<tr><th scope=\"row\">{:g}, {}</th>", row.first, escape_html(row.second));
    for (size_t column = teacher ? 0 : 1; column < 2; ++column) {
      text += figures[column] ? "<td>" + figure_text(*figures[column]) + "</td>" : "<td>–</td>";
    }
    text += "</tr>\n";
  }
  return fmt::format(
      "<section><h2>{} by calls of the network</h2>\n{}<div class=\"scroll\"><table><thead><tr><th "
      "scope=\"col\">Calls, sampler</th>{}<th scope=\"col\">{}</th></tr></thead><tbody>\n{}</tbody></table></div>"
      "</section>",
      escape_html(facts.metric), calls_plot(rows, own_name(facts), facts.metric),
      teacher ? "<th scope=\"col\">Teacher</th>" : "", own_name(facts), text);
}

std::string facts_section(const RunFacts& facts) {
  const TableReader &summary = facts.summary, data = summary.object("data");
  std::string items;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) items += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", name, escape_html(value));
  };
  const auto plain = [](Figure value) { return value ? fmt::format("{:.15g}", *value) : std::string(); };
  add("Teacher", facts.teacher.file);
  add("Images", data.text("file").value_or(""));
  add("How many", plain(data.number("count")));
  if (const Figure resolution = data.number("resolution")) {
    add("Size",
        fmt::format("{0:g} × {0:g}, {1}", *resolution, data.number("channels").value_or(3) == 1 ? "gray" : "color"));
  }
  add("Resized by", data.text("resize").value_or(""));
  const double seconds = summary.number("seconds").value_or(facts.log.seconds);
  if (seconds > 0) add("Training time", time_text(seconds));
  add("Device", summary.text("device").value_or(""));
  add("Budget", summary.text("budget").value_or(""));
  if (summary.number("processes").value_or(1) > 1) add("Processes", plain(summary.number("processes")));
  add("Threads", plain(summary.number("threads")));
  add("Precision", summary.text("precision").value_or(""));
  add("Seed", plain(summary.number("seed")));
  return items.empty() ? "" : "<section><h2>The run</h2>\n<dl>\n" + items + "</dl></section>";
}

}  // namespace dgl
