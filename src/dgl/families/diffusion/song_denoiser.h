#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/diffusion/denoiser.h"
#include "dgl/families/diffusion/song_layers.h"

namespace dgl {

/// What distinguishes the architectures of NVlabs/edm's SongUNet.
struct SongArchitecture {
  std::string name;
  /// Whether times are embedded by frequencies that were drawn once from N(0, 16^2), which the network stores, or by
  /// DDPM's.
  bool random_frequencies;
  int64_t noise_multiple;    ///< length of that embedding over the feature maps of the first convolution
  bool pyramid;              ///< whether smaller and smaller images are added to feature maps of the way down
  std::vector<double> taps;  ///< of the filter by which feature maps are resampled; they sum to 1
};

/// "ddpm++" and "ncsn++".
const std::vector<SongArchitecture>& song_architectures();
std::vector<std::string> song_architecture_names();
/// Null for another name.
const SongArchitecture* find_song_architecture(const std::string& name);

/// The shape of a DDPM++ or NCSN++ (Song et al. 2021, arXiv 2011.13456).
struct SongShape : DenoiserShape {
  const SongArchitecture* architecture;  ///< one of song_architectures()

  /// Throws Error as from_json() does, or if a layer would have no channels.
  static SongShape make(const DenoiserSettings& settings, Rational width);
  /// Throws Error, naming `origin`, for a key that is missing or out of range, an embedding that cannot be split into
  /// sines and cosines, and for "ncsn++" with precondition = "eps", whose times are too large for its frequencies.
  static SongShape from_json(const nlohmann::json& json, const std::string& origin);
  nlohmann::json to_json() const;
  /// Of one call.
  Cost cost() const;
  /// Length of the embedding of times.
  int64_t noise_channels() const { return architecture->noise_multiple * first_channels; }
  /// The blocks of the way down and of the way up, in the order that they run.
  std::vector<SongBlockForm> encoder() const;
  std::vector<SongBlockForm> decoder() const;
  /// The names of the convolutions at the image and of the norm in front of the last one.
  std::string first_name() const;
  std::string last_norm_name() const;
  std::string last_name() const;
};

/// The name of the layer behind a block that adds a smaller image to its output: "enc.16x16_aux_residual".
std::string pyramid_name(const SongBlockForm& form);

/// NVlabs/edm's SongUNet, without labels of augmentations. Parameters have that program's names.
class SongDenoiser : public Denoiser {
 public:
  /// Fresh weights are the reference's: uniform by Xavier's rule, biases 0, and nearly 0 for the last layer of every
  /// sum.
  explicit SongDenoiser(const SongShape& shape);

  const SongShape& shape() const override { return shape_; }
  std::string architecture() const override { return shape_.architecture->name; }
  /// EDM's own (table 1).
  double noise_factor() const override { return 0.25; }
  nlohmann::json settings() const override { return shape_.to_json(); }
  Cost cost() const override { return shape_.cost(); }
  ChannelLayout channel_layout() const override;
  const torch::Tensor& last_weight() const override { return last_->weight(); }
  std::string to_onnx(OnnxGraph& graph, const std::string& x, const std::string& times,
                      const std::string& labels) const override;

 private:
  struct Part {
    SongBlockForm form;
    std::shared_ptr<SongBlock> block;
    std::shared_ptr<PyramidLayer> pyramid;  // null if nothing is added behind the block
  };

  torch::Tensor predict(const torch::Tensor& x, const torch::Tensor& times, const torch::Tensor& labels,
                        const Dropout& dropout) override;
  /// What all blocks know of times and labels, [N, embedding()].
  torch::Tensor embed(const torch::Tensor& times, const torch::Tensor& labels);
  std::string embed_to_onnx(OnnxGraph& graph, const std::string& times, const std::string& labels) const;
  /// By which times are multiplied, [noise_channels() / 2].
  torch::Tensor angular_frequencies() const;
  std::vector<Part> make_parts(torch::nn::Module& folder, const std::vector<SongBlockForm>& forms) const;
  void draw_weights();

  SongShape shape_;
  torch::Tensor frequencies_;                // DDPM's, neither parameter nor buffer; or the buffer map_noise.freqs
  torch::Tensor label_weight_, label_bias_;  // [noise_channels(), classes] and [noise_channels()]; undefined without
  std::shared_ptr<LinearLayer> layer0_, layer1_;
  std::shared_ptr<Convolution> first_, last_;
  std::shared_ptr<GroupNorm> last_norm_;
  std::vector<Part> encoder_, decoder_;
};

}  // namespace dgl
