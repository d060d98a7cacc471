#include "dgl/families/diffusion/song_denoiser.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/nn/onnx_graph.h"
#include "dgl/ops/common.h"

namespace dgl {

using torch::Tensor;

namespace {

const double kPyramidScale = std::sqrt(0.5);

/// The part of a layer's name behind "enc." or "dec.".
std::string name_in_folder(const std::string& name) { return name.substr(name.find('.') + 1); }

/// By how much fresh weights of this name are smaller than Xavier's.
double fresh_scale(const std::string& name) {
  constexpr double kNearlyZero = 1e-5;
  for (const char* last : {".conv1.weight", ".proj.weight", "_aux_conv.weight"}) {
    if (name.ends_with(last)) return kNearlyZero;
  }
  return name.ends_with(".qkv.weight") ? std::sqrt(0.2) : 1;
}

}  // namespace

SongDenoiser::SongDenoiser(const SongShape& shape) : shape_(shape) {
  constexpr double kFrequencyDeviation = 16;
  const int64_t half = shape.noise_channels() / 2;
  if (shape.architecture->random_frequencies) {
    frequencies_ = add_folder(*this, "map_noise")->register_buffer("freqs", torch::randn({half}) * kFrequencyDeviation);
  } else {
    frequencies_ = even_frequencies(half);
  }
  if (shape.classes > 0) {
    auto folder = add_folder(*this, "map_label");
    label_weight_ = folder->register_parameter("weight", torch::empty({shape.noise_channels(), shape.classes}));
    label_bias_ = folder->register_parameter("bias", torch::empty({shape.noise_channels()}));
  }
  layer0_ = register_module("map_layer0", std::make_shared<LinearLayer>(shape.noise_channels(), shape.embedding()));
  layer1_ = register_module("map_layer1", std::make_shared<LinearLayer>(shape.embedding(), shape.embedding()));
  auto down = add_folder(*this, "enc");
  first_ = down->register_module(name_in_folder(shape.first_name()),
                                 std::make_shared<Convolution>(shape.img_channels, shape.first_channels, 3));
  encoder_ = make_parts(*down, shape.encoder());
  auto up = add_folder(*this, "dec");
  decoder_ = make_parts(*up, shape.decoder());
  const int64_t channels = shape.channels.front();
  last_norm_ = up->register_module(name_in_folder(shape.last_norm_name()),
                                   std::make_shared<GroupNorm>(channels, shape.groups, /*silu=*/true));
  last_ = up->register_module(name_in_folder(shape.last_name()),
                              std::make_shared<Convolution>(channels, shape.img_channels, 3));
  draw_weights();
}

std::vector<SongDenoiser::Part> SongDenoiser::make_parts(torch::nn::Module& folder,
                                                         const std::vector<SongBlockForm>& forms) const {
  const std::vector<double>& taps = shape_.architecture->taps;
  std::vector<Part> parts;
  for (const SongBlockForm& form : forms) {
    Part part{.form = form, .block = {}, .pyramid = {}};
    part.block = folder.register_module(name_in_folder(form.name),
                                        std::make_shared<SongBlock>(form, shape_.groups, shape_.embedding(), taps));
    if (form.pyramid > 0) {
      part.pyramid = folder.register_module(name_in_folder(pyramid_name(form)),
                                            std::make_shared<PyramidLayer>(form.pyramid, form.out, taps));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

void SongDenoiser::draw_weights() {
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    Tensor& tensor = item.value();
    if (tensor.dim() == 1) {
      if (item.key().ends_with(".bias")) tensor.zero_();
      continue;
    }
    const int64_t taps = tensor.dim() == 4 ? tensor.size(2) * tensor.size(3) : 1;
    const double bound = std::sqrt(6.0 / static_cast<double>(taps * (tensor.size(0) + tensor.size(1))));
    tensor.uniform_(-bound, bound).mul_(fresh_scale(item.key()));
  }
}

Tensor SongDenoiser::angular_frequencies() const {
  return shape_.architecture->random_frequencies ? 2 * std::numbers::pi * frequencies_ : frequencies_;
}

Tensor SongDenoiser::embed(const Tensor& times, const Tensor& labels) {
  Tensor embedding = waves_of(times, angular_frequencies());
  if (shape_.classes > 0) {
    // Labels are vectors with the square root of their number in one place.
    const Tensor rows = label_weight_.t().index_select(0, labels);
    embedding = embedding + (rows * std::sqrt(static_cast<double>(shape_.classes)) + label_bias_);
  }
  return at::silu(layer1_->forward(at::silu(layer0_->forward(embedding))));
}

Tensor SongDenoiser::predict(const Tensor& x, const Tensor& times, const Tensor& labels, const Dropout& dropout) {
  const Tensor embedding = embed(times, labels);
  Tensor image = ops::working_layout(x);
  std::vector<Tensor> skips{first_->forward(image).to(activations())};
  for (const Part& part : encoder_) {
    Tensor h = part.block->forward(skips.back(), embedding, dropout);
    if (part.pyramid) h = image = (h + part.pyramid->forward(image).to(activations())) * kPyramidScale;
    skips.push_back(h);
  }
  Tensor h = skips.back();
  for (const Part& part : decoder_) {
    if (part.form.skip > 0) {
      h = at::cat({h, skips.back()}, 1);
      skips.pop_back();
    }
    h = part.block->forward(h, embedding, dropout);
  }
  return last_->forward(ops::to_float32(last_norm_->forward(h)));
}

ChannelLayout SongDenoiser::channel_layout() const {
  ChannelLayout layout;
  // Sines and cosines of the same frequencies. DDPM's are evenly spaced at every width, so that those of evenly spaced
  // channels are nearest to a narrow network's.
  const bool evenly = !shape_.architecture->random_frequencies;
  const std::string frequencies = "frequencies", hidden = "map_layer0", embedding = "map_layer1";
  const ChannelAxis waves{.group = frequencies, .behind = {frequencies}, .evenly = evenly};
  if (!evenly) layout["map_noise.freqs"] = {{.group = frequencies}};
  if (shape_.classes > 0) {
    layout["map_label.weight"] = {waves, {}};
    layout["map_label.bias"] = {waves};
  }
  ChannelAxis taken = waves;
  taken.input = true;
  layout["map_layer0.weight"] = {{.group = hidden}, taken};
  layout["map_layer0.bias"] = {{.group = hidden}};
  put_linear_axes(layout, "map_layer1", hidden, embedding);
  put_convolution_axes(layout, shape_.first_name(), "", shape_.first_name());
  std::vector<std::string> skips{shape_.first_name()};
  std::string image;  // the group of what the next smaller image is made of
  for (const Part& part : encoder_) {
    const std::string out =
        SongBlock::put_axes(layout, part.form, {.x = skips.back(), .skip = {}, .embedding = embedding});
    if (part.pyramid) {
      put_convolution_axes(layout, pyramid_name(part.form), image, out);
      image = out;
    }
    skips.push_back(out);
  }
  std::string group = skips.back();
  for (const Part& part : decoder_) {
    ResidualBlock::Inputs in{.x = group, .skip = {}, .embedding = embedding};
    if (part.form.skip > 0) {
      in.skip = skips.back();
      skips.pop_back();
    }
    group = SongBlock::put_axes(layout, part.form, in);
  }
  put_norm_axes(layout, shape_.last_norm_name(), group);
  put_convolution_axes(layout, shape_.last_name(), group, "");
  return layout;
}

std::string SongDenoiser::embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const {
  const auto silu = [&](const std::string& x) { return graph.node("Mul", {x, graph.node("Sigmoid", {x})}); };
  std::string embedding = waves_to_onnx(graph, times, angular_frequencies());
  if (shape_.classes > 0) {
    const OnnxGraph::Scope scope(graph, "map_label");
    const double scale = std::sqrt(static_cast<double>(shape_.classes));
    const std::string rows = graph.node("Gather", {graph.constant("weight", label_weight_.t()), labels});
    const std::string scaled = graph.node("Mul", {rows, graph.constant("scale", torch::tensor(scale, torch::kFloat))});
    embedding = graph.node("Add", {embedding, graph.node("Add", {scaled, graph.constant("bias", label_bias_)})});
  }
  const std::string h = silu(add_to_graph(graph, "map_layer0", *layer0_, embedding));
  return silu(add_to_graph(graph, "map_layer1", *layer1_, h));
}

std::string SongDenoiser::to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                                  const std::string& labels) const {
  const std::string embedding = embed_to_onnx(graph, times, labels);
  std::string image = x;
  std::vector<std::string> skips{add_to_graph(graph, shape_.first_name(), *first_, x)};
  for (const Part& part : encoder_) {
    std::string h = add_to_graph(graph, part.form.name, *part.block, skips.back(), embedding);
    if (part.pyramid) {
      const std::string smaller = add_to_graph(graph, pyramid_name(part.form), *part.pyramid, image);
      const std::string scale = graph.constant("factor", torch::tensor(kPyramidScale, torch::kFloat));
      h = image = graph.node("Mul", {graph.node("Add", {h, smaller}), scale});
    }
    skips.push_back(h);
  }
  std::string h = skips.back();
  for (const Part& part : decoder_) {
    if (part.form.skip > 0) {
      h = graph.node("Concat", {h, skips.back()}, {{"axis", int64_t{1}}});
      skips.pop_back();
    }
    h = add_to_graph(graph, part.form.name, *part.block, h, embedding);
  }
  return add_to_graph(graph, shape_.last_name(), *last_, add_to_graph(graph, shape_.last_norm_name(), *last_norm_, h));
}

}  // namespace dgl
