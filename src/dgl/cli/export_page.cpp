#include "dgl/cli/export_page.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/cli/map_images.h"
#include "dgl/data/dataset.h"
#include "dgl/demo/demo_page.h"
#include "dgl/families/model_file.h"
#include "dgl/report/image_grid.h"
#include "dgl/run/run_directory.h"

namespace dgl {

namespace {

constexpr int64_t kMostSamples = 8;
constexpr double kMegabyte = 1e6;

/// The recipe of a run whose folder stands for its model.
std::optional<Recipe> recipe_of(const fs::path& model) {
  if (!fs::exists(model / "recipe.toml")) return std::nullopt;
  return RunDirectory::open(model).recipe();
}

/// "runs/half", "runs/half/model.safetensors" and "half.safetensors" as "half".
std::string name_of(const std::string& model) {
  fs::path path = fs::absolute(model).lexically_normal();
  if (!path.has_filename() || path.filename() == "model.safetensors") path = path.parent_path();
  return fs::is_directory(path) ? path.filename().string() : path.stem().string();
}

DemoModel page_model(const std::string& path, const SolverChoice& solver, const char* shown) {
  DemoModel model = demo_model(load_model(path), solver, path);
  model.facts["shown"] = shown;
  model.facts["file"] = name_of(path);
  return model;
}

/// Images [N, C, H, W] uint8 of a packed set, a folder or a safetensors file that a sampler takes.
torch::Tensor sample_inputs(const std::string& path, const Sampler& sampler) {
  if (fs::is_directory(path) || fs::path(path).extension() == ".safetensors") {
    MapImagesOptions options;
    options.images = path;
    return pick_images(options, sampler, kMostSamples);
  }
  const Dataset data(path);
  const ImageShape expected = *sampler.spec().input;
  if (data.info().channels != expected.channels || data.info().resolution != expected.height) {
    fail("{}: images of {} x {} pixels and {} channels, expected {} x {} and {}", path, data.info().resolution,
         data.info().resolution, data.info().channels, expected.width, expected.height, expected.channels);
  }
  return data.images(evenly_spaced(data.info().count, kMostSamples));
}

std::vector<std::string> png_files(const torch::Tensor& images) {
  std::vector<std::string> files;
  for (int64_t i = 0; i < images.size(0); ++i) {
    const std::vector<uint8_t> png = encode_png(image_grid(images.slice(0, i, i + 1), 1));
    files.emplace_back(png.begin(), png.end());
  }
  return files;
}

/// Images to choose from in each domain that the model takes some of: those of `options`, or of the run's data.
std::map<size_t, std::vector<std::string>> samples_of(const std::string& path, const std::optional<Recipe>& recipe,
                                                      const PageOptions& options) {
  const NetworkSet model = load_model(path);
  const Family& family = family_of(model, path);
  std::map<size_t, std::shared_ptr<Sampler>> takers;
  if (family.reconstructs()) takers[family.input_domain()] = family.sampler(model);
  for (const Translator& translator : translators_of(model, path)) takers[translator.direction.from] = translator.there;
  const std::vector<std::string> given{options.images, options.images_b};
  std::vector<std::string> data;
  if (recipe) data = recipe->data_files();
  std::map<size_t, std::vector<std::string>> samples;
  for (size_t domain = 0; domain < given.size(); ++domain) {
    const auto taker = takers.find(domain);
    const bool takes = taker != takers.end() && taker->second;
    if (!given[domain].empty()) {
      if (!takes) fail("{}: {} takes no such images", domain == 0 ? "--images" : "--images-b", path);
      samples[domain] = png_files(sample_inputs(given[domain], *taker->second));
    } else if (takes && domain < data.size() && fs::exists(data[domain])) {
      samples[domain] = png_files(sample_inputs(data[domain], *taker->second));
    }
  }
  return samples;
}

/// Adds a teacher to the page of its student, or says why it cannot stand there. Throws Error for one that is no model,
/// unless the run's recipe named it.
std::string add_teacher(DemoPage& page, const std::string& teacher, const SolverChoice& solver, bool named) {
  std::optional<DemoModel> model;
  try {
    model = page_model(teacher, solver, "Teacher");
  } catch (const Error& error) {
    if (!named) throw;
    return error.what();
  }
  const std::string why = why_not_beside(page.models[0], *model);
  if (why.empty()) page.models.push_back(std::move(*model));
  return why;
}

/// The page's text, if it has at most `megabytes`.
std::optional<std::string> page_within(DemoPage& page, const WebRuntime& runtime, double megabytes) {
  if (page.models.size() == 1) page.models[0].facts["shown"] = "Model";
  if (static_cast<double>(demo_page_bytes(page, runtime)) > megabytes * kMegabyte) return std::nullopt;
  std::string html = demo_page_html(page, runtime);
  if (static_cast<double>(html.size()) > megabytes * kMegabyte) return std::nullopt;
  return html;
}

}  // namespace

std::vector<CLI::Option*> add_page_options(CLI::App& command, PageOptions& options) {
  return {
      command.add_option("--teacher", options.teacher,
                         "For x.html: a model to show beside it, from the same latents or images; by default the one "
                         "that a run's recipe names, where it fits"),
      command.add_option("--images", options.images,
                         "For x.html: images to choose from for a model that takes some, a folder, a safetensors file "
                         "with a tensor images or a packed set; by default the run's"),
      command.add_option("--images-b", options.images_b, "The same of the second data domain"),
      command.add_option("--title", options.title, "For x.html: its title (by default the model's name)"),
      command.add_option("--runtime", options.runtime,
                         "For x.html: ONNX Runtime Web, the archive of `npm pack onnxruntime-web` or its folder (by "
                         "default $DGL_WEB_RUNTIME, or where it was installed)"),
      command
          .add_option("--max-mb", options.max_mb,
                      "For x.html: the largest page in megabytes; a run's teacher is left out if it makes it larger")
          ->check(within(1, 400))
          ->capture_default_str(),
  };
}

void export_page(const std::string& model, const std::string& out, double psi, const SolverChoice& solver,
                 const PageOptions& options, const CommonOptions& common) {
  const WebRuntime runtime = load_web_runtime(options.runtime);
  const std::optional<Recipe> recipe = recipe_of(model);
  const bool named = options.teacher.empty() && recipe && recipe->has_student();
  const std::string teacher = named ? recipe->teacher().file : options.teacher;
  DemoPage page{options.title.empty() ? name_of(model) : options.title, {}, psi, samples_of(model, recipe, options)};
  page.models.push_back(page_model(model, solver, "Student"));
  std::string left_out = teacher.empty() ? "" : add_teacher(page, teacher, solver, named);
  if (!left_out.empty() && !named) fail("--teacher {}: cannot stand beside {}: {}", teacher, model, left_out);
  std::optional<std::string> html = page_within(page, runtime, options.max_mb);
  if (!html && named && page.models.size() > 1) {
    left_out = fmt::format("the page would have more than the {:g} MB of --max-mb", options.max_mb);
    page.models.resize(1);
    html = page_within(page, runtime, options.max_mb);
  }
  if (!html) {
    fail("{}: the page has more than the {:g} MB of --max-mb; expected smaller models or a larger limit", out,
         options.max_mb);
  }
  write_file(out, *html);
  if (common.quiet) return;
  if (!left_out.empty()) fmt::print("without the teacher {}: {}\n", teacher, left_out);
  fmt::print("{}: a page of {:.1f} MB; open it in a browser\n", out, static_cast<double>(html->size()) / kMegabyte);
}

}  // namespace dgl
