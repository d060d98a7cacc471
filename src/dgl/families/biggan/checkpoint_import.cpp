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
    check_size(shape.cost(), count_numbers(dict.tensors), dict.origin);
    NamedTensors tensors = dict.tensors;
    std::erase_if(tensors, [](const auto& tensor) { return is_singular_value(tensor.first); });
    const auto network = std::make_shared<BigGanNetwork>(shape);
    fill_network(*network, tensors, dict, name());
    return network;
  }
};

}  // namespace

std::shared_ptr<const CheckpointFormat> biggan_pytorch_format() { return std::make_shared<BigGanFormat>(); }

}  // namespace dgl
