#pragma once

#include "dgl/base/table_reader.h"
#include "dgl/families/family.h"
#include "dgl/nn/onnx_graph.h"

// A family of the smallest kind, as docs/add-a-family.md describes it: one linear generator without a discriminator,
// which learns the mean of two domains of images. It touches no file of the program.

namespace dgl::test {

/// images = tanh(W z + b).
class ToyGenerator : public Generator {
 public:
  ToyGenerator(int64_t z_dim, int64_t channels, int64_t resolution)
      : z_dim_(z_dim), channels_(channels), resolution_(resolution) {
    weight_ = register_parameter("weight", torch::randn({channels * resolution * resolution, z_dim}) * 0.01);
    bias_ = register_parameter("bias", torch::zeros({channels * resolution * resolution}));
  }
  static std::shared_ptr<ToyGenerator> from_json(const nlohmann::json& json, const std::string& origin) {
    const TableReader settings(json, origin, "network setting ");
    return std::make_shared<ToyGenerator>(settings.integer("z_dim", 1, 64), settings.integer("img_channels", 1, 3),
                                          settings.integer("resolution", 8, 64));
  }

  nlohmann::json settings() const override {
    return {{"family", "toy"}, {"z_dim", z_dim_}, {"img_channels", channels_}, {"resolution", resolution_}};
  }
  Cost cost() const override { return {weight_.numel() + bias_.numel(), weight_.numel()}; }
  int64_t z_dim() const override { return z_dim_; }
  int64_t resolution() const override { return resolution_; }
  int64_t channels() const override { return channels_; }
  void set_activations(torch::ScalarType) override {}

  torch::Tensor sample(const Condition& condition, const SampleOptions& options = {}) override {
    const torch::Tensor pixels = at::tanh(at::addmm(bias_, condition.latents * options.psi, weight_.t()));
    return pixels.view({-1, channels_, resolution_, resolution_});
  }
  std::string to_onnx(OnnxGraph& graph, const ConditionNames& condition, double) const override {
    const std::string pixels = graph.node("Tanh", {onnx_linear(graph, condition.latents, weight_, bias_)});
    const torch::Tensor sizes = torch::tensor({int64_t{-1}, channels_, resolution_, resolution_}, torch::kLong);
    return graph.node("Reshape", {pixels, graph.constant("sizes", sizes)});
  }

 private:
  int64_t z_dim_, channels_, resolution_;
  torch::Tensor weight_, bias_;
};

struct ToySettings : FamilySettings {
  int64_t z_dim = 4;
  double pull = 1;  ///< weight of the loss
  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<ToySettings>(*this); }
};

/// Draws the mean of generated images to the mean of both domains' batches.
class ToyObjective : public Objective {
 public:
  ToyObjective(const ToySettings& settings, std::shared_ptr<ToyGenerator> generator)
      : settings_(settings), generator_(std::move(generator)), steps_(torch::zeros({})) {}

  std::vector<Phase> phases() override {
    return {{.name = "g_main", .trains = {"generator"}, .loss = [this](const StepInput& input, StepOutput& output) {
               return loss(input, output);
             }}};
  }
  int64_t max_shards(int64_t batch) const override { return batch; }
  void update_statistics(const Scalars& statistics) override { steps_ += statistics.at("steps"); }
  std::map<std::string, torch::Tensor> state() const override { return {{"steps", steps_}}; }

 private:
  torch::Tensor loss(const StepInput& input, StepOutput& output) const {
    const torch::Tensor target = (input.real.at(0).images.mean(0) + input.real.at(1).images.mean(0)) / 2;
    const torch::Tensor z = at::randn({input.real[0].images.size(0), settings_.z_dim}, input.random, target.options());
    const torch::Tensor loss = settings_.pull * (generator_->sample({z}) - target).square().mean();
    output.losses["g_main"] = loss.detach();
    output.statistics["steps"] = torch::ones({});
    return loss;
  }

  const ToySettings settings_;
  std::shared_ptr<ToyGenerator> generator_;
  torch::Tensor steps_;
};

class ToyFamily : public Family {
 public:
  std::string name() const override { return "toy"; }
  std::unique_ptr<FamilySettings> default_settings() const override { return std::make_unique<ToySettings>(); }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override {
    auto& s = dynamic_cast<ToySettings&>(settings);
    return {{"network", "resolution", &s.resolution, "Side of the images", 8, 64},
            {"network", "img_channels", &s.img_channels, "Channels of the images", 1, 3},
            {"network", "z_dim", &s.z_dim, "Length of a latent", 1, 64},
            {"training", "pull", &s.pull, "Weight of the loss", 0, 100}};
  }
  std::vector<std::string> domains() const override { return {"a", "b"}; }
  std::vector<SlotSpec> slots() const override { return {{"generator", NetworkRole::generator, /*averaged=*/true}}; }
  nlohmann::json shape(const FamilySettings& settings, const Widths& widths, const std::string&) const override {
    const auto& s = dynamic_cast<const ToySettings&>(settings);
    return ToyGenerator(std::max<int64_t>(1, widths.generator.of(s.z_dim)), s.img_channels, s.resolution).settings();
  }
  std::shared_ptr<Network> make_network(const std::string&, const nlohmann::json& shape, const std::string& origin,
                                        int64_t max_params) const override {
    auto network = ToyGenerator::from_json(shape, origin);
    check_size(network->cost(), max_params, origin);
    return network;
  }
  Cost cost(const std::string&, const nlohmann::json& shape) const override {
    return ToyGenerator::from_json(shape, "the recipe")->cost();
  }
  std::unique_ptr<Objective> objective(const FamilySettings& settings, const NetworkSet& networks) const override {
    return std::make_unique<ToyObjective>(dynamic_cast<const ToySettings&>(settings),
                                          networks.network<ToyGenerator>("generator"));
  }
  std::shared_ptr<Sampler> sampler(const NetworkSet& networks) const override {
    return networks.best<ToyGenerator>("generator");
  }
};

/// Registers the family, once in a process.
inline void register_toy_family() {
  static const bool registered = [] {
    register_family(std::make_unique<ToyFamily>());
    return true;
  }();
  static_cast<void>(registered);
}

}  // namespace dgl::test
