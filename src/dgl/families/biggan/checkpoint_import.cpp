#include "dgl/families/biggan/checkpoint_import.h"

#include <memory>
#include <string>
#include <vector>

#include "dgl/families/biggan/networks.h"

namespace dgl {

namespace {

/// BigGAN-PyTorch logs singular values and never reads them.
bool is_singular_value(const std::string& name) { return name.size() > 4 && name.ends_with(".sv0"); }

class BigGanFormat : public CheckpointFormat {
 public:
  std::string name() const override { return "biggan-pytorch"; }
  std::vector<Signature> signatures() const override {
    return {{"output_layer.2.weight", "generator"}, {"embed.u0", "discriminator"}};
  }
  std::vector<Prefix> prefixes() const override {
    return {{"G_ema.", {"generator", true}}, {"G.", {"generator"}}, {"D.", {"discriminator"}}};
  }
  std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions&) const override {
    if (dict.role.slot == "generator") {
      return import_as<BigGanGenerator>(dict, biggan_generator_shape(dict.tensors, dict.origin));
    }
    return import_as<BigGanDiscriminator>(dict, biggan_discriminator_shape(dict.tensors, dict.origin));
  }

 private:
  /// The network of this shape with the state dict's tensors, each exactly once.
  template <class BigGanNetwork, class Shape>
  std::shared_ptr<Network> import_as(const StateDict& dict, const Shape& shape) const {
    check_size(shape.cost(), count_numbers(dict), dict.origin);
    const auto network = std::make_shared<BigGanNetwork>(shape);
    TensorFile file, expected;
    put_module(expected, "", *network);
    std::vector<std::string> missing, unknown;
    for (const auto& [name, tensor] : dict.tensors) {
      if (is_singular_value(name)) continue;
      if (!expected.contains(name)) unknown.push_back(dict.prefix + name);
      file.tensors.emplace(name, tensor);
    }
    for (const auto& [name, tensor] : expected.tensors) {
      if (!file.contains(name)) missing.push_back(dict.prefix + name);
    }
    check_names(dict, name(), missing, unknown);
    get_module(file, "", *network, dict.origin);
    return network;
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> biggan_pytorch_format() { return std::make_shared<BigGanFormat>(); }

}  // namespace dgl
