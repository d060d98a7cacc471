#include <gtest/gtest.h>

#include "dgl/base/torch.h"
#include "dgl/families/cyclegan/cyclegan.h"
#include "dgl/families/cyclegan/networks.h"
#include "dgl/families/cyclegan/samplers.h"
#include "dgl/families/cyclegan/unet_generator.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/formats/safetensors.h"
#include "dgl/nn/onnx_graph.h"
#include "families/cyclegan_files.h"
#include "families/difference.h"
#include "temporary_folder.h"
namespace dgl::test {
namespace {

using torch::Tensor;

// Generators of GAN Compression, and a discriminator with batch norms.
TEST(CycleGanFormats, ReadsGanCompression) {
  const torch::NoGradGuard no_grad;
  const TensorFile expected = load_safetensors(kCycleGanFiles / "gan-compression/outputs.safetensors");
  for (const char* kind : {"resnet", "mobile", "sub_mobile"}) {
    const NetworkSet model =
        imported_cyclegan({fmt::format("gan-compression/{}_net_G.pth", kind), "gan-compression/latest_net_D.pth"}, 32);
    const auto generator = model.network<ResnetGenerator>("generator_a_to_b");
    ASSERT_TRUE(generator) << kind;
    EXPECT_LT(difference(generator->forward(expected.at("images", "golden")), expected.at(kind, "golden")), 1e-5)
        << kind;
    const auto discriminator = model.network<Discriminator>("discriminator_b");
    ASSERT_TRUE(discriminator);
    EXPECT_LT(difference(discriminator->forward(expected.at("judged", "golden"), {}), expected.at("scores", "golden")),
              1e-5);
    EXPECT_EQ(discriminator_of(model, "m"), discriminator);
    EXPECT_EQ(model.info["imported"]["from"], std::string("cyclegan"));  // as the last file is named
  }
  const NetworkSet model = imported_cyclegan({"gan-compression/sub_mobile_net_G.pth"});
  EXPECT_EQ(model.network<ResnetGenerator>("generator_a_to_b")->shape().channels,
            (std::vector<int64_t>{3, 8, 8, 8, 3}));
}

// Generators of pix2pix, in evaluation mode, with both norms.
TEST(CycleGanFormats, ReadsUnets) {
  const torch::NoGradGuard no_grad;
  const TensorFile expected = load_safetensors(kCycleGanFiles / "unet/outputs.safetensors");
  for (const std::string kind : {"batch", "instance"}) {
    const NetworkSet model = imported_cyclegan({"unet/" + kind + "_net_G.pth"}, 32);
    const auto sampler = translator_of(model, "a_to_b", "m").there;
    EXPECT_EQ(sampler->input_multiple(), 32);
    for (const std::string images : {"images", "wide"}) {
      const Tensor made = sampler->sample({{}, {}, expected.at(images, "golden")});
      EXPECT_LT(difference(made, expected.at(images == "wide" ? kind + "_wide" : kind, "golden")), 1e-5) << kind;
    }
    EXPECT_EQ(model.info["imported"].contains("made_up"), kind == "batch");
    const auto network = model.network<TranslationGenerator>("generator_a_to_b");
    const Tensor plain = network->forward(expected.at("images", "golden"));
    network->set_activations(torch::kBFloat16);
    EXPECT_LT(difference(network->forward(expected.at("images", "golden")), plain), 0.1) << kind;
    int64_t numbers = 0;
    for (const Tensor& p : network->parameters()) numbers += p.numel();
    EXPECT_EQ(network->cost().params, numbers);
    expect_error([&] { network->forward(torch::zeros({1, 3, 32, 48})); }, {"48 x 32", "multiples of 32"});
    OnnxGraph graph;
    EXPECT_TRUE(network->apply_to_onnx(graph));
    expect_error([&] { find_checkpoint_format("gan-compression", "--to")->export_model(model, "m"); },
                 {"U-Net, which gan-compression does not have"});
  }
  UnetShape shape;
  EXPECT_EQ(shape.cost().params, 54413955);
  EXPECT_NEAR(static_cast<double>(shape.cost().macs) / 1e9, 6.0482, 5e-5);
  shape.norm = "instance";
  EXPECT_EQ(shape.cost().params, 54409603);
  shape.norm = "batch";
  shape.channels.pop_back();
  shape.resolution = 128;
  EXPECT_EQ(shape.cost().params, 41828995);
  EXPECT_NEAR(static_cast<double>(shape.cost().macs) / 1e9, 1.5058, 5e-5);
}

// To the bit, by the names that each program uses.
TEST(CycleGanFormats, RoundTripsEveryNetwork) {
  const TemporaryFolder folder;
  const auto check = [&](const std::string& name, const std::string& slot, const std::string& program) {
    const NetworkSet model = imported_cyclegan({name}, 32);
    const TensorFile file = find_checkpoint_format(program, "--to")->export_model(model, "m");
    const fs::path written = folder / (fs::path(name).stem().string() + ".safetensors");
    save_safetensors(written, file);
    const NetworkSet back = import_model({written}, {.from = {}, .resolution = 32});
    ASSERT_TRUE(back.network(slot)) << name;
    EXPECT_EQ(back.network(slot)->settings(), model.network(slot)->settings());
    const auto before = model.network(slot)->named_parameters(), after = back.network(slot)->named_parameters();
    for (const auto& item : before) EXPECT_TRUE(item.value().equal(after[item.key()])) << name << " " << item.key();
    const auto buffers = model.network(slot)->named_buffers(), read = back.network(slot)->named_buffers();
    for (const auto& item : buffers) EXPECT_TRUE(item.value().equal(read[item.key()])) << name << " " << item.key();
  };
  check("unet/batch_net_G.pth", "generator_a_to_b", "cyclegan");
  check("unet/instance_net_G.pth", "generator_a_to_b", "cyclegan");
  check("latest_net_G_A.pth", "generator_a_to_b", "cyclegan");
  check("latest_net_G_A.pth", "generator_a_to_b", "gan-compression");
  check("latest_net_G_B.pth", "generator_b_to_a", "cyclegan");
  check("latest_net_D_A.pth", "discriminator_b", "cyclegan");
  check("latest_net_D_B.pth", "discriminator_a", "cyclegan");
  check("gan-compression/mobile_net_G.pth", "generator_a_to_b", "gan-compression");
  check("gan-compression/sub_mobile_net_G.pth", "generator_a_to_b", "gan-compression");
  check("gan-compression/latest_net_D.pth", "discriminator_b", "gan-compression");

  const NetworkSet two = imported_cyclegan({"latest_net_G_A.pth", "latest_net_G_B.pth"});
  expect_error([&] { find_checkpoint_format("cyclegan", "--to")->export_model(two, "m"); },
               {"m: 2 networks", "--network", "generator_a_to_b"});
  const NetworkSet mobile = imported_cyclegan({"gan-compression/mobile_net_G.pth"});
  expect_error([&] { find_checkpoint_format("cyclegan", "--to")->export_model(mobile, "m"); },
               {"pytorch-CycleGAN-and-pix2pix does not have", "gan-compression"});
}

TEST(CycleGanFormats, RefusesWhatItDoesNotHave) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::function<void(TensorFile&)>& change,
                           const std::vector<std::string>& words) {
    const NetworkSet model = imported_cyclegan({"latest_net_G_A.pth"});
    TensorFile file = find_checkpoint_format("cyclegan", "--to")->export_model(model, "m");
    change(file);
    save_safetensors(folder / name, file);
    expect_error([&] { import_model({folder / name}); }, words);
  };
  refused("batch_net_G.safetensors", [](TensorFile& file) { file.tensors["model.2.weight"] = torch::ones({4}); },
          {"batch_net_G", "model.2.weight", "batch norms", "expected instance norms"});
  refused("latest_net_D_A.safetensors", [](TensorFile&) {},
          {"latest_net_D_A.safetensors", "holds a generator", "discriminator_b"});
  refused("gray_net_G.safetensors",
          [](TensorFile& file) {
            file.tensors["model.19.weight"] = torch::ones({1, 4, 7, 7});
          },
          {"gray_net_G", "1 channels from images of 3"});
  refused("short_net_G.safetensors", [](TensorFile& file) { file.tensors.erase("model.15.bias"); },
          {"short_net_G", "missing: model.15.bias"});
  refused("wide_net_G.safetensors",
          [](TensorFile& file) {
            file.tensors["model.1.weight"] = torch::ones({16384, 3, 1, 1});
          },
          {"wide_net_G"});
  // One direction twice.
  expect_error(
      [] {
        imported_cyclegan({"latest_net_G_A.pth", "gan-compression/mobile_net_G.pth"});
      },
      {"mobile_net_G.pth", "an earlier file holds"});
}

}  // namespace
}  // namespace dgl::test
