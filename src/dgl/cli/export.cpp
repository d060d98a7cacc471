#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/export_page.h"
#include "dgl/cli/export_precision.h"
#include "dgl/cli/format_names.h"
#include "dgl/cli/huggingface.h"
#include "dgl/cli/solver_options.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/onnx_graph.h"

namespace dgl {

namespace {

constexpr const char* kHuggingFace = "huggingface";
// The names of files in a folder that diffusers' from_pretrained() reads.
constexpr const char *kDiffusersWeights = "diffusion_pytorch_model.safetensors", *kDiffusersSettings = "config.json";

struct ExportArguments {
  std::string model, out, to, network;
  double psi = 1;
  SolverChoice solver;
  PrecisionArguments precision;
  PageOptions page;
  std::vector<CLI::Option*> page_options;
  bool overwrite = false;
};

/// "z [N, 64], labels [N] -> images [N, 1, 32, 32]"
std::string signature(const SampleSpec& spec) {
  const auto image = [](const ImageShape& i) { return fmt::format("[N, {}, {}, {}]", i.channels, i.height, i.width); };
  std::vector<std::string> inputs;
  if (!spec.latent_shape.empty()) inputs.push_back(fmt::format("z [N, {}]", fmt::join(spec.latent_shape, ", ")));
  if (spec.classes > 0) inputs.emplace_back("labels [N]");
  if (spec.input) inputs.push_back("images " + image(*spec.input));
  return fmt::format("{} -> {} {}", fmt::join(inputs, ", "), spec.input ? "output" : "images", image(spec.output));
}

/// The formats that --to takes.
std::vector<std::string> target_names() {
  std::vector<std::string> names = format_names(/*only_exports=*/true);
  names.insert(names.begin(), {"onnx", "html", kHuggingFace});
  return names;
}

/// The program that a model is exported for if --to does not say.
std::string only_target(const NetworkSet& model, const std::string& origin) {
  const Family& family = family_of(model, origin);
  std::vector<std::string> names;
  for (const auto& format : family.checkpoint_formats()) {
    if (format->can_export()) names.push_back(format->name());
  }
  if (names.empty()) fail("{}: a {}, which is written as .onnx only", origin, family.name());
  if (names.size() > 1) throw UsageError(fmt::format("--to is needed: {}", fmt::join(names, " or ")));
  return names.front();
}

/// Whether --out is a folder as `to` reads one.
bool is_folder(const fs::path& out, const std::string& to) {
  if (to == kHuggingFace) return true;
  for (const char* suffix : {".onnx", ".html", ".safetensors"}) {
    if (out.extension() == suffix) return false;
  }
  if (to.empty() || to == "onnx" || to == "html") return false;
  return find_checkpoint_format(to, "--to")->has_settings();
}

/// Throws Error for options that do not go with what is written, a file of the kind `written` ("onnx", "html" or "").
void check_options(const ExportArguments& arguments, const std::string& written, bool folder) {
  const std::string suffix = fs::path(arguments.out).extension().string();
  if (written.empty() && !folder && suffix != ".safetensors") {
    fail("--out {}: expected a name that ends in .onnx, .html or .safetensors", arguments.out);
  }
  if (arguments.to == kHuggingFace && (!written.empty() || suffix == ".safetensors")) {
    throw UsageError(fmt::format("--to {} writes a folder, not --out {}", arguments.to, arguments.out));
  }
  const bool program = arguments.to != "onnx" && arguments.to != "html";
  if (!arguments.to.empty() && (program ? !written.empty() : arguments.to != written)) {
    throw UsageError(fmt::format("--to {} writes a name that ends in {}, not --out {}", arguments.to,
                                 program ? ".safetensors" : "." + arguments.to, arguments.out));
  }
  if (written.empty() && arguments.psi != 1) {
    throw UsageError("--psi goes with .onnx, which it is built into, and .html only");
  }
  if (arguments.psi != 1 && !arguments.network.empty()) throw UsageError("--psi goes with a whole model");
  if (written == "html" && !arguments.network.empty()) throw UsageError("--network does not go with a page");
  for (const CLI::Option* option : arguments.page_options) {
    if (written != "html" && option->count() > 0) {
      throw UsageError(option->get_name() + " goes with a page, an --out that ends in .html");
    }
  }
}

/// Writes x.onnx: a network alone, or what makes images.
void export_onnx(const ExportArguments& arguments, const NetworkSet& model, WeightPrecision weights,
                 const CommonOptions& common) {
  if (!arguments.network.empty()) {
    if (arguments.precision.calibrate > 0 || !arguments.precision.onnxruntime.empty()) {
      throw UsageError("--calibrate and --onnxruntime go with a whole model, not with --network");
    }
    const Network& network = *slot_of(model, arguments.network, arguments.model).best();
    onnx_graph(network, arguments.model + ": " + arguments.network, model.info, {.weights = weights})
        .save(arguments.out);
    if (!common.quiet) fmt::print("{}: the {}\n", arguments.out, arguments.network);
    return;
  }
  const auto sampler = sampler_of(model, arguments.model);
  apply_solver_options(*sampler, arguments.solver, arguments.model);
  const OnnxGraph full = onnx_graph(*sampler, arguments.psi, model.info);
  if (weights == WeightPrecision::fp32) {
    full.save(arguments.out);
    if (!common.quiet) fmt::print("{}: {}\n", arguments.out, signature(sampler->spec()));
    return;
  }
  check_calibration(sampler->spec(), arguments.precision, arguments.model);
  const std::optional<OnnxRuntime> runtime = asked_onnxruntime(arguments.precision);
  OnnxPrecision precision{.weights = weights};
  if (arguments.precision.calibrate > 0) {
    precision.ranges = std::make_shared<const OnnxRanges>(
        calibrated_ranges(*sampler, full, *runtime, arguments.precision, arguments.model));
  }
  // Where no runtime measures the file itself, a model that is rounded as it is stands for it.
  if (!runtime) round_weights(model, weights);
  const OnnxGraph graph = onnx_graph(*sampler, arguments.psi, model.info, precision);
  graph.save(arguments.out);
  if (common.quiet) return;
  fmt::print("{}: {}\n", arguments.out, signature(sampler->spec()));
  print_precision({.model = arguments.model,
                   .rounded = &model,
                   .graph = &full,
                   .rounded_graph = &graph,
                   .runtime = runtime ? &*runtime : nullptr,
                   .psi = arguments.psi,
                   .solver = arguments.solver},
                  arguments.precision, common);
}

void run(const ExportArguments& arguments, const CommonOptions& common) {
  const fs::path out = arguments.out;
  const std::string suffix = out.extension().string();
  const bool onnx = suffix == ".onnx", page = suffix == ".html", folder = is_folder(out, arguments.to);
  check_options(arguments, onnx ? "onnx" : page ? "html" : "", folder);
  const WeightPrecision weights = checked_precision(arguments.precision, onnx);
  const bool hub = arguments.to == kHuggingFace;
  if (!hub) refuse_existing(out, arguments.overwrite);
  if (page) {
    export_page(arguments.model, arguments.out, arguments.psi, arguments.solver, arguments.page, common);
    return;
  }
  const NetworkSet model = load_model(arguments.model);
  if (onnx) {
    export_onnx(arguments, model, weights, common);
    return;
  }
  NetworkSet exported = model;
  if (!arguments.network.empty()) {
    exported = {};
    exported.info = model.info;
    exported.add(slot_of(model, arguments.network, arguments.model));
  }
  if (hub) {
    write_huggingface_folder(out, exported, arguments.model, parse_device(common.device), arguments.overwrite);
    if (!common.quiet) fmt::print("{}: model.safetensors, config.json, README.md\n", arguments.out);
    return;
  }
  const auto format =
      find_checkpoint_format(arguments.to.empty() ? only_target(model, arguments.model) : arguments.to, "--to");
  const TensorFile file = format->export_model(exported, arguments.model);
  if (folder) {
    const nlohmann::json settings = format->export_settings(exported, arguments.model);
    fs::create_directories(out);
    save_safetensors(out / kDiffusersWeights, file);
    write_file(out / kDiffusersSettings, settings.dump(2) + "\n");
  } else {
    save_safetensors(out, file);
  }
  if (!common.quiet) fmt::print("{}: {} tensors\n", arguments.out, file.tensors.size());
}

}  // namespace

void add_export(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand(
      "export", "Export a model to ONNX, a page that runs it, another program's checkpoint, or a folder for the Hub");
  auto a = std::make_shared<ExportArguments>();
  command->add_option("--model", a->model, "Model file")->required();
  command
      ->add_option(
          "--to", a->to,
          "Target: onnx (what makes images, for any ONNX runtime), html (a page in which it runs), huggingface "
          "(a folder for the Hub: the model, its settings and a model card), or a program whose names all "
          "tensors get; follows the name of --out by default, where one program is possible")
      ->check(CLI::IsMember(target_names()));
  command
      ->add_option("--out", a->out,
                   "File to write: x.onnx, x.html, or x.safetensors (a program's state dict); for diffusers also a "
                   "folder, with config.json, which its from_pretrained() reads; for huggingface a folder")
      ->required();
  command->add_option(
      "--network", a->network,
      "Only this network in place of the whole model: an autoencoder's encoder (images to moments, or to z "
      "without variances) or decoder (z to images), a diffusion model's denoiser (x, sigma to "
      "denoised), a cyclegan's a_to_b or b_to_a (images to output)");
  command
      ->add_option("--psi", a->psi,
                   "Truncation built into x.onnx, or that x.html begins with: distance from the mean latent (1: none)")
      ->check(within(-10, 10))
      ->capture_default_str();
  add_solver_options(*command, a->solver);
  add_precision_options(*command, a->precision);
  a->page_options = add_page_options(*command, a->page);
  command->add_flag("--overwrite", a->overwrite, "Replace an existing file");
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
