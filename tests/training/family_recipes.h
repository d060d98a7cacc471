#pragma once

#include <map>
#include <string>

namespace dgl::test {

/// A recipe of each family whose networks are as small as they can be.
inline const std::map<std::string, std::string>& family_recipes() {
  static const std::map<std::string, std::string> recipes{
      {"stylegan2", R"(
[network]
resolution = 16
img_channels = 3
channel_base = 128
channel_max = 8
z_dim = 8
w_dim = 8
mapping_layers = 2
[training]
batch = 4
style_mixing = 0
)"},
      {"biggan", R"(
family = "biggan"
[network]
resolution = 32
img_channels = 1
z_dim = 8
classes = 3
channels = 4
shared_dim = 4
[training]
batch = 4
)"},
      {"vae", R"(
family = "vae"
[network]
resolution = 16
img_channels = 1
channels = 16
multiples = "1,2"
blocks = 1
z_channels = 2
[training]
batch = 2
)"},
      {"diffusion", R"(
family = "diffusion"
[network]
resolution = 8
img_channels = 1
channels = 16
multiples = "1,2"
blocks = 1
attention = "4"
dropout = 0
sampler = "renoise"
steps = 2
[training]
batch = 2
)"},
      {"cyclegan", R"(
family = "cyclegan"
[network]
resolution = 16
img_channels = 3
channels = 4
blocks = 1
[discriminator]
channels = 4
layers = 1
[training]
batch = 2
pool = 0
)"},
  };
  return recipes;
}

}  // namespace dgl::test
