#include "dgl/cli/huggingface.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/table_reader.h"
#include "dgl/base/text.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/profile.h"

namespace dgl {

namespace {

/// A figure of summary.json: its key, what the card calls it, and the key of the name that stands in place of {}.
struct FigureName {
  const char *key, *title, *metric;
};

constexpr FigureName kFigures[] = {{"fd", "{}", "metric"},
                                   {"judge_fd", "{}", "judge_metric"},
                                   {"prior_fd", "{} of the prior", "metric"},
                                   {"kid_mean", "KID on the features of {}", "metric"},
                                   {"precision", "precision", nullptr},
                                   {"recall", "recall", nullptr},
                                   {"psnr", "PSNR of reconstructions, dB", nullptr},
                                   {"ssim", "SSIM of reconstructions", nullptr},
                                   {"lpips", "LPIPS of reconstructions", nullptr}};

/// Text of a file as Markdown's code, on one line.
std::string code(const std::string& text) {
  std::string plain;
  for (const char c : text) plain += c == '`' || static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return "`" + plain + "`";
}

/// The summary of the run that a model lies in; nothing if it lies in none.
std::optional<fs::path> summary_beside(const fs::path& source) {
  const fs::path folder = fs::is_directory(source) ? source : source.parent_path();
  const bool is_result = fs::is_directory(source) || source.filename() == "model.safetensors";
  if (is_result && fs::exists(folder / "summary.json")) return folder / "summary.json";
  return std::nullopt;
}

std::string front_matter(const Family& family) {
  const bool maps_images = family.reconstructs() || !family.directions().empty();
  return fmt::format(
      "---\nlibrary_name: dgl\n"
      "pipeline_tag: {}\ntags:\n- dgl\n- {}\n- model-compression\n"
      "# license: not known to dgl; see the end of this page\n---\n",
      maps_images ? "image-to-image" : "unconditional-image-generation", family.name());
}

std::string network_table(const NetworkSet& model, torch::Device device) {
  std::string text =
      "| network | parameters | multiply-adds per image | latency of 1 image, ms | of 16 images, ms |\n"
      "|---|---|---|---|---|\n";
  for (const NetworkSlot& slot : model) {
    Network& network = *slot.best();
    network.to(device);
    const nlohmann::json costs = profile(network, device);
    const auto latency = [&](const char* batch) { return figure_text(costs["latency_ms"][batch].get<double>()); };
    text += fmt::format("| {} | {} | {} | {} | {} |\n", code(slot.name), count_text(costs["params"].get<double>()),
                        count_text(costs["macs"].get<double>()), latency("1"), latency("16"));
  }
  return text;
}

/// What a run measured of its result, and beside it of its teacher if it had one.
std::string run_table(const fs::path& path) {
  const TableReader summary(read_file(path), path.string());
  const TableReader own = summary.object(summary.find("student") ? "student" : "model"),
                    teacher = summary.object("teacher");
  std::string rows;
  const auto add = [&](const std::string& title, const TableReader& a, const TableReader& b, const std::string& key) {
    const std::optional<double> figure = a.number(key);
    if (!figure) return;
    rows += fmt::format("| {} | {} |", title, figure_text(*figure));
    if (!teacher.empty()) rows += fmt::format(" {} |", b.number(key) ? figure_text(*b.number(key)) : "");
    rows += "\n";
  };
  for (const auto& [key, title, metric] : kFigures) {
    const std::string name = metric ? code(summary.text(metric).value_or("the distance")) : "";
    add(fmt::format(fmt::runtime(title), name), own, teacher, key);
  }
  const TableReader translations = own.object("translations"), others = teacher.object("translations");
  constexpr size_t kMost = 64;
  for (const auto& [key, value] : translations.numbers(kMost)) add(code(key), translations, others, key);
  if (rows.empty()) return "";
  const std::string head =
      teacher.empty() ? "| | this model |\n|---|---|\n" : "| | this model | teacher |\n|---|---|---|\n";
  const TableReader data = summary.object("data");
  std::string over;
  if (summary.find("metric_samples")) {
    over = fmt::format(" Distances are over {} images.", summary.integer("metric_samples", 0, INT64_MAX));
  }
  return fmt::format("## Quality\n\nMeasured at the end of the run, on {}.{}\n\n{}{}\n",
                     code(data.text("file").value_or("its data")), over, head, rows);
}

/// What `info` says of the model's origin.
std::string origin_text(const nlohmann::json& info) {
  std::vector<std::string> facts;
  if (info.is_object()) {
    if (info.contains("kimg") && info["kimg"].is_number()) {
      facts.push_back(fmt::format("trained on {} thousand images", kimg_text(info["kimg"].get<double>())));
    }
    if (info.contains("data") && info["data"].is_string() && !info["data"].get<std::string>().empty()) {
      facts.push_back("of " + code(info["data"].get<std::string>()));
    }
  }
  return facts.empty() ? "" : fmt::format(", {}", fmt::join(facts, " "));
}

std::string use_text(const Family& family) {
  const char *command = "sample", *call = "images = model.sample(16, seed=0)  # [16, C, R, R] in about -1 to 1";
  if (family.reconstructs()) {
    command = "reconstruct";
    call = "reconstructions = model.reconstruct(images)  # images [N, C, H, W] in -1 to 1";
  } else if (!family.directions().empty()) {
    command = "translate";
    call = "translations = model.translate(images)  # images [N, C, H, W] in -1 to 1";
  }
  return fmt::format(
      "## Use\n\nIn Python, with the package `dgl` of the program's sources (`pip install ./python`):\n\n"
      "```python\nimport dgl\nfrom huggingface_hub import snapshot_download\n\n"
      "model = dgl.load(snapshot_download(\"OWNER/NAME\"))\n{}\n```\n\n"
      "The program takes `model.safetensors` itself: `dgl {} --model model.safetensors --help`.\n\n",
      call, command);
}

std::string model_card(const std::string& name, const NetworkSet& model, const std::string& source,
                       torch::Device device) {
  const Family& family = family_of(model, source);
  std::string text = front_matter(family);
  text += fmt::format("\n# {}\n\nA model of the family {} of the program `dgl`{}.\n\n", name, code(family.name()),
                      origin_text(model.info));
  const int threads = runtime_threads();
  text += fmt::format(
      "## Size and speed\n\n{}\nLatencies are medians, in float32 on the device {} with {} {} of the processor.\n\n",
      network_table(model, device), code(device.str()), threads, threads == 1 ? "thread" : "threads");
  if (const auto summary = summary_beside(source)) text += run_table(*summary);
  text += use_text(family);
  text +=
      "## License\n\nNone is stated here, since it depends on the data and on the teacher. Add `license: NAME` to the "
      "front matter.\n";
  return text;
}

}  // namespace

void write_huggingface_folder(const fs::path& out, const NetworkSet& model, const std::string& source,
                              torch::Device device, bool overwrite) {
  const fs::path weights = out / "model.safetensors", settings = out / "config.json", card = out / "README.md";
  for (const fs::path& file : {weights, settings, card}) refuse_existing(file, overwrite);
  nlohmann::json config = {{"library_name", "dgl"}, {"format", 1}, {"family", family_of(model, source).name()}};
  for (const NetworkSlot& slot : model) config[slot.name] = slot.best()->settings();
  const fs::path folder = fs::weakly_canonical(out);
  const std::string text = model_card(folder.filename().string(), model, source, device);
  std::error_code error;
  fs::create_directories(out, error);
  if (error) fail("{}: cannot be made: {}", out.string(), error.message());
  model.to(torch::kCPU);
  save_model(weights, model);
  write_file(settings, config.dump(2) + "\n");
  write_file(card, text);
}

}  // namespace dgl
