#include "dgl/demo/demo_page.h"

#include <utility>

#include "dgl/base/error.h"
#include "dgl/demo/demo_files.h"
#include "dgl/formats/gzip.h"
#include "dgl/report/html.h"

namespace dgl {

namespace {

/// An element whose content is bytes, gzip in base64; page/engine.js unpacks it.
std::string packed_element(const std::string& id, const std::string& bytes) {
  return fmt::format("<script type=\"application/gzip\" id=\"{}\">{}</script>\n", escape_html(id), base64(gzip(bytes)));
}

/// A script of others, in which no text ends the element.
std::string inline_script(const std::string& script) {
  std::string out;
  size_t from = 0;
  for (size_t at = script.find("</script"); at != std::string::npos; at = script.find("</script", from)) {
    out += script.substr(from, at - from) + "<\\/script";
    from = at + std::string("</script").size();
  }
  return out + script.substr(from);
}

std::string graph_id(size_t model, const std::string& graph) { return fmt::format("graph-{}-{}", model, graph); }

nlohmann::json page_facts(const DemoPage& page) {
  nlohmann::json models = nlohmann::json::array(), samples = nlohmann::json::object();
  for (const DemoModel& model : page.models) {
    models.push_back(model.facts);
    uint64_t bytes = 0;
    for (const DemoGraph& graph : model.graphs) bytes += graph.onnx.size();
    models.back()["bytes"] = bytes;
  }
  for (const auto& [domain, files] : page.samples) {
    for (const std::string& png : files) {
      samples[std::to_string(domain)].push_back("data:image/png;base64," + base64(png));
    }
  }
  return {{"title", page.title}, {"models", models}, {"psi", page.psi}, {"samples", samples}};
}

/// "stylegan2, 32 × 32 pixels, gray"
std::string kind_of(const DemoModel& model) {
  const nlohmann::json& facts = model.facts;
  const nlohmann::json& image = facts["draw"].is_null() ? facts["maps"][0]["image"] : facts["draw"]["image"];
  return fmt::format("{}, {} × {} pixels, {}", facts["family"].get<std::string>(), image[2].get<int64_t>(),
                     image[1].get<int64_t>(), image[0].get<int64_t>() == 1 ? "gray" : "RGB");
}

}  // namespace

std::string why_not_beside(const DemoModel& student, const DemoModel& teacher) {
  const auto &one = student.facts, &other = teacher.facts;
  if (one["draw"].is_null() != other["draw"].is_null()) return "only one of the two draws from latents";
  for (const char* key : {"latents", "classes", "image"}) {
    if (one["draw"].is_null() || one["draw"][key] == other["draw"][key]) continue;
    return fmt::format("its {} are {}, the student's {}", key, other["draw"][key].dump(), one["draw"][key].dump());
  }
  if (one["maps"].size() != other["maps"].size()) return "it does other things with images than the student";
  for (size_t i = 0; i < one["maps"].size(); ++i) {
    for (const char* key : {"graph", "image"}) {
      const auto &ours = one["maps"][i][key], &theirs = other["maps"][i][key];
      if (ours != theirs) return fmt::format("its {} is {}, the student's {}", key, theirs.dump(), ours.dump());
    }
  }
  return "";
}

uint64_t demo_page_bytes(const DemoPage& page, const WebRuntime& runtime) {
  // Weights hardly shrink by gzip, the runtime to a quarter; base64 takes four characters for three bytes.
  uint64_t bytes = runtime.script.size() + runtime.module.size() / 4;
  for (const DemoModel& model : page.models) {
    for (const DemoGraph& graph : model.graphs) bytes += graph.onnx.size();
  }
  return bytes;
}

std::string demo_page_html(const DemoPage& page, const WebRuntime& runtime) {
  std::string packed = packed_element("runtime-module", runtime.module);
  for (size_t i = 0; i < page.models.size(); ++i) {
    for (const DemoGraph& graph : page.models[i].graphs) packed += packed_element(graph_id(i, graph.name), graph.onnx);
  }
  return fill_page(demo_html(), {{"title", escape_html(page.title)},
                                 {"kind", escape_html(kind_of(page.models.front()))},
                                 {"css", std::string(demo_css())},
                                 {"facts", script_json(page_facts(page))},
                                 {"packed", packed},
                                 {"runtime", inline_script(runtime.script)},
                                 {"js", demo_js()}});
}

}  // namespace dgl
