#include "dgl/demo/demo_model.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/nn/style_sampler.h"

namespace dgl {

namespace {

std::vector<int64_t> sizes_of(const ImageShape& image) { return {image.channels, image.height, image.width}; }

/// The two graphs of a sampler that makes styles first.
std::vector<DemoGraph> style_graphs(const Sampler& sampler, const StyleSampler& styles) {
  const torch::NoGradGuard no_grad;
  const SampleSpec spec = sampler.spec();
  OnnxGraph first, second;
  Sampler::ConditionNames names;
  names.latents = first.input("z", torch::kFloat, spec.latent_shape);
  if (spec.classes > 0) names.labels = first.input("labels", torch::kLong, {});
  first.output(styles.map_to_onnx(first, names), "styles", {styles.w_dim()});
  const std::string all = second.input("styles", torch::kFloat, {styles.num_ws(), styles.w_dim()});
  second.output(styles.synthesize_to_onnx(second, all), "images", sizes_of(spec.output));
  return {{"styles", first.bytes()}, {"styled_images", second.bytes()}};
}

nlohmann::json costs(const Cost& cost, int64_t calls = 1) {
  return {{"params", cost.params}, {"macs", cost.macs * calls}};
}

/// Drawing from latents, and the graphs that it needs.
nlohmann::json drawing(Sampler& sampler, std::vector<DemoGraph>& graphs) {
  const SampleSpec spec = sampler.spec();
  nlohmann::json facts = costs(sampler.network().cost(), sampler.calls());
  facts["latents"] = spec.latent_shape;
  facts["classes"] = spec.classes;
  facts["image"] = sizes_of(spec.output);
  if (const StyleSampler* styles = sampler.styles()) {
    facts["truncation"] = "styles";
    facts["sides"] = styles->sides();
    const torch::Tensor mean = styles->mean_w().detach().cpu().contiguous();
    facts["mean"] = std::vector<float>(mean.data_ptr<float>(), mean.data_ptr<float>() + mean.numel());
    for (DemoGraph& graph : style_graphs(sampler, *styles)) graphs.push_back(std::move(graph));
  } else {
    facts["truncation"] = sampler.psi_scales_latents() ? "latents" : "";
    graphs.push_back({"images", onnx_graph(sampler, /*psi=*/1, nlohmann::json::object()).bytes()});
  }
  return facts;
}

/// One way of making images of images, and its graph.
nlohmann::json mapping_of(const std::string& graph, const std::string& title, size_t domain, const Sampler& sampler,
                          const Cost& cost, std::vector<DemoGraph>& graphs) {
  nlohmann::json facts = costs(cost);
  facts["graph"] = graph;
  facts["title"] = title;
  facts["domain"] = domain;
  facts["image"] = sizes_of(*sampler.spec().input);
  facts["multiple"] = sampler.onnx_takes_any_size() ? sampler.input_multiple() : 0;
  facts["smallest"] = sampler.onnx_takes_any_size() ? sampler.smallest_input() : 0;
  graphs.push_back({graph, onnx_graph(sampler, /*psi=*/1, nlohmann::json::object()).bytes()});
  return facts;
}

/// What all networks that make images, or codes of them, cost together.
Cost generator_cost(const NetworkSet& model) {
  Cost sum;
  for (const NetworkSlot& slot : model) {
    if (slot.role != NetworkRole::generator || !slot.best()) continue;
    const Cost cost = slot.best()->cost();
    sum.params += cost.params;
    sum.macs += cost.macs;
  }
  return sum;
}

void check_colors(const ImageShape& image, const std::string& origin) {
  if (image.channels == 1 || image.channels == 3) return;
  fail("{}: makes images of {} channels; a page shows 1 or 3", origin, image.channels);
}

}  // namespace

DemoModel demo_model(const NetworkSet& model, const SolverChoice& solver, const std::string& origin) {
  const Family& family = family_of(model, origin);
  DemoModel demo{{{"family", family.name()}, {"draw", nullptr}, {"maps", nlohmann::json::array()}}, {}};
  const auto own = family.sampler(model);
  auto prior = family.prior_sampler(model);
  if (!prior && own && !own->spec().input) prior = own;
  if (!solver.name.empty() || solver.steps) {
    if (!prior) fail("{}: draws nothing; --sampler and --steps are for a diffusion model", origin);
    prior->choose_solver(solver, origin);
  }
  if (prior) {
    check_colors(prior->spec().output, origin);
    demo.facts["draw"] = drawing(*prior, demo.graphs);
  }
  if (own && family.reconstructs()) {
    demo.facts["maps"].push_back(
        mapping_of("reconstruct", "Reconstruct", family.input_domain(), *own, generator_cost(model), demo.graphs));
  }
  for (const Translator& translator : translators_of(model, origin)) {
    check_colors(translator.there->spec().output, origin);
    const auto& domains = family.domains();
    const std::string title = domains[translator.direction.from] + " to " + domains[translator.direction.to];
    demo.facts["maps"].push_back(mapping_of(translator.direction.name, title, translator.direction.from,
                                            *translator.there, translator.there->network().cost(), demo.graphs));
  }
  if (demo.graphs.empty()) fail("{}: has no network that makes images; expected a model with a generator", origin);
  return demo;
}

}  // namespace dgl
