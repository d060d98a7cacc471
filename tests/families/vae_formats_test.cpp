#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/families/import.h"
#include "dgl/families/model_file.h"
#include "dgl/families/vae/checkpoint_import.h"
#include "dgl/families/vae/kl_networks.h"
#include "dgl/families/vae/tiny_networks.h"
#include "dgl/formats/checkpoint.h"
#include "families/difference.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using torch::Tensor;

const fs::path kAutoencoderFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/vae";

/// Names of tensors here, as diffusers' own conversion gives them.
std::map<std::string, std::string> diffusers_names(const std::string& name) {
  return nlohmann::json::parse(read_file(kAutoencoderFiles / (name + "-diffusers.json")));
}

/// Tensors of the autoencoder in a checkpoint of latent-diffusion, by their names there.
NamedTensors checkpoint_tensors(const std::string& name) {
  NamedTensors all = load_checkpoint(kAutoencoderFiles / (name + ".pt")).with_prefix("state_dict.");
  std::erase_if(all, [](const auto& item) { return item.first.starts_with("loss."); });
  return all;
}

/// A checkpoint as diffusers would hold it, in the names of now or of before.
TensorFile diffusers_file(const std::string& name, bool older) {
  const std::pair<const char*, const char*> kOlder[] = {
      {"to_q", "query"}, {"to_k", "key"}, {"to_v", "value"}, {"to_out.0", "proj_attn"}};
  TensorFile file;
  const auto names = diffusers_names(name);
  for (const auto& [ours, tensor] : checkpoint_tensors(name)) {
    std::string theirs = names.at(ours);
    const bool matrix = theirs.find(".to_") != std::string::npos && tensor.dim() == 4;
    for (const auto& [now, before] : kOlder) {
      const size_t at = theirs.find(now);
      if (older && at != std::string::npos) theirs.replace(at, std::string(now).size(), before);
    }
    file.tensors[theirs] = matrix ? tensor.flatten(1) : tensor;
  }
  return file;
}

void expect_equal(const NamedTensors& actual, const NamedTensors& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.count(name)) << name;
    EXPECT_TRUE(actual.at(name).equal(tensor.to(torch::kFloat))) << name;
  }
}

NetworkSet read_back(const TensorFile& file, const ImportOptions& options = {.from = {}, .resolution = 16}) {
  const TemporaryFolder folder;
  save_safetensors(folder / "m.safetensors", file);
  return import_model({folder / "m.safetensors"}, options);
}

TEST(DiffusersKl, IsReadByBothNamesOfAttention) {
  const torch::NoGradGuard no_grad;
  for (const char* name : {"f2", "f4"}) {
    const TensorFile golden = load_safetensors(kAutoencoderFiles / (std::string(name) + ".safetensors"));
    for (const bool older : {false, true}) {
      const NetworkSet model = read_back(diffusers_file(name, older));
      EXPECT_EQ(model.info["imported"]["from"], "diffusers-kl");
      const auto encoder = model.network<VaeEncoder>("encoder");
      const auto decoder = model.network<VaeDecoder>("decoder");
      const Tensor images = golden.at("images", name);
      EXPECT_LT(difference(encoder->encode(images), golden.at("moments", name)), 1e-5);
      EXPECT_LT(difference(decoder->decode(encoder->posterior(images).mean), golden.at("mode", name)), 1e-5);
    }
  }
}

TEST(DiffusersKl, ExportsAreTheInverseToTheBit) {
  const NetworkSet model = import_model({kAutoencoderFiles / "f4.pt"}, {.from = {}, .resolution = 16});
  const TensorFile theirs = diffusers_kl_format()->export_model(model, "m");
  expect_equal(theirs.tensors, diffusers_file("f4", false).tensors);
  const TensorFile back = latent_diffusion_format()->export_model(read_back(theirs), "m");
  expect_equal(back.tensors, checkpoint_tensors("f4"));
}

TEST(LatentDiffusion, ExportsAreTheInverseToTheBit) {
  for (const char* name : {"f2", "f4"}) {
    const NetworkSet model =
        import_model({kAutoencoderFiles / (std::string(name) + ".pt")}, {.from = {}, .resolution = 16});
    const TensorFile file = latent_diffusion_format()->export_model(model, "m");
    NamedTensors expected = load_checkpoint(kAutoencoderFiles / (std::string(name) + ".pt")).with_prefix("state_dict.");
    std::erase_if(expected, [](const auto& item) {
      return item.first.ends_with(".num_batches_tracked") ||
             (item.first.starts_with("loss.") && !item.first.starts_with("loss.discriminator."));
    });
    expect_equal(file.tensors, expected);
    const NetworkSet back = read_back(file);
    EXPECT_EQ(back.discriminator() != nullptr, model.discriminator() != nullptr);
  }
}

NetworkSet kl_model(const std::function<void(KlShape&, KlShape&)>& change) {
  KlShape encoder{{16, 3, 32, {32, 64}, 1, {}, {.most = 32, .channels = 1}}, 4, 4}, decoder = encoder;
  change(encoder, decoder);
  NetworkSet model;
  model.add({.name = "encoder", .network = std::make_shared<KlEncoder>(encoder)});
  model.add({.name = "decoder", .network = std::make_shared<KlDecoder>(decoder)});
  return model;
}

TEST(LatentDiffusion, RefusesWhatTheProgramsCannotExpress) {
  const auto refused = [](const std::function<void(KlShape&, KlShape&)>& change, const char* format,
                          const std::vector<std::string>& words) {
    expect_error([&] { find_checkpoint_format(format, "--to")->export_model(kl_model(change), "m"); }, words);
  };
  const auto narrow_groups = [](KlShape& e, KlShape& d) { e.groups = d.groups = {32, 4}; };
  refused(narrow_groups, "latent-diffusion", {"m", "encoder", "32 groups"});
  refused(narrow_groups, "diffusers-kl", {"m", "encoder", "groups"});
  const auto narrow_decoder = [](KlShape&, KlShape& d) { d.channels = {32, 32}; };
  refused(narrow_decoder, "latent-diffusion", {"m", "different shapes", "--network"});
  refused([](KlShape& e, KlShape& d) { e.embed_dim = d.embed_dim = 2; }, "diffusers-kl", {"m", "1x1 convolutions"});
  refused([](KlShape& e, KlShape&) { e.first_channels = 64; }, "diffusers-kl", {"m", "first convolution"});
  refused([](KlShape&, KlShape&) {}, "taesd", {"m", "taesd"});
  // One number of groups, whichever, is diffusers' norm_num_groups.
  const auto few_groups = [](KlShape& e, KlShape& d) { e.groups = d.groups = {8, 1}; };
  EXPECT_FALSE(diffusers_kl_format()->export_model(kl_model(few_groups), "m").tensors.empty());
  NetworkSet decoder;
  decoder.add(kl_model(narrow_decoder).at("decoder", "m"));
  for (const auto& [name, tensor] : latent_diffusion_format()->export_model(decoder, "m").tensors) {
    EXPECT_TRUE(name.starts_with("decoder.") || name.starts_with("post_quant_conv.")) << name;
  }
}

const std::vector<fs::path> kTaesd{kAutoencoderFiles / "taesd_encoder.pth", kAutoencoderFiles / "taesd_decoder.pth"};
const ImportOptions kTinyOptions{.from = {}, .resolution = 32};

TEST(Taesd, FilesComeBackToTheBit) {
  const NetworkSet model = import_model(kTaesd, kTinyOptions);
  EXPECT_EQ(model.info["imported"]["from"], "taesd");
  for (const auto& path : kTaesd) {
    NetworkSet one;
    one.add(model.at(path.filename() == "taesd_encoder.pth" ? "encoder" : "decoder", "m"));
    expect_equal(taesd_format()->export_model(one, "m").tensors, load_checkpoint(path).tensors);
  }
  const TensorFile both = taesd_format()->export_model(model, "m");
  EXPECT_TRUE(both.contains("decoder.1.weight"));
  expect_equal(taesd_format()->export_model(read_back(both, kTinyOptions), "m").tensors, both.tensors);
}

TEST(DiffusersTiny, NamesAreThoseOfTheReference) {
  const NetworkSet model = import_model(kTaesd, kTinyOptions);
  const TensorFile ours = taesd_format()->export_model(model, "m"),
                   theirs = diffusers_tiny_format()->export_model(model, "m");
  const auto names = diffusers_names("taesd");
  EXPECT_EQ(names.size(), theirs.tensors.size());
  for (const auto& [taesd, diffusers] : names) {
    EXPECT_TRUE(theirs.at(diffusers, "export").equal(ours.at(taesd, "export"))) << diffusers;
  }
  const NetworkSet back = read_back(theirs, kTinyOptions);
  EXPECT_EQ(back.info["imported"]["from"], "diffusers-tiny");
  expect_equal(taesd_format()->export_model(back, "m").tensors, ours.tensors);
}

/// TAESD's encoder as a file, changed.
TensorFile taesd_encoder(const std::function<void(TensorFile&)>& change) {
  TensorFile file = load_checkpoint(kTaesd[0]);
  change(file);
  return file;
}

TEST(Taesd, BrokenFilesAreRefused) {
  const auto refused = [](const std::function<void(TensorFile&)>& change, const std::vector<std::string>& words) {
    expect_error([&] { read_back(taesd_encoder(change), kTinyOptions); }, words);
  };
  refused(
      [](TensorFile& f) {
        f.tensors["11.pool.0.weight"] = torch::zeros({24, 6, 1, 1});
      },
      {"m.safetensors", "11.pool.0.weight", "FLUX.2"});
  refused(
      [](TensorFile& f) {
        f.tensors["3.conv.2.weight"] = torch::zeros({6, 5, 3, 3});
      },
      {"m.safetensors", "3.conv.2.weight"});
  refused([](TensorFile& f) { f.tensors["0.weight"] = torch::zeros({6, 27}); }, {"m.safetensors", "0.weight"});
  refused([](TensorFile& f) { f.tensors.erase("4.conv.4.bias"); }, {"missing: 4.conv.4.bias", "unknown: none"});
  refused([](TensorFile& f) { f.tensors["20.weight"] = torch::zeros({1}); }, {"missing: none", "unknown: 20.weight"});
  refused([](TensorFile& f) { f.tensors.erase("14.bias"); }, {"m.safetensors", "last convolution"});
  refused([](TensorFile& f) { f.tensors["0.weight"] = torch::zeros({20000, 3, 3, 3}); }, {"m.safetensors", "channels"});
  EXPECT_NO_THROW(read_back(taesd_encoder([](TensorFile&) {}), kTinyOptions));
}

TEST(Taesd, NetworksThatDoNotBelongTogetherAreRefused) {
  const auto golden = [](const char* name) { return kAutoencoderFiles / name; };
  expect_error(
      [&] {
        import_model({golden("taesd_encoder.pth"), golden("taesd3_decoder.pth")}, kTinyOptions);
      },
      {"taesd_encoder.pth, taesd3_decoder.pth", "4 channels of 4", "16 channels of 4"});
  expect_error(
      [&] {
        import_model({golden("taesd_encoder.pth"), golden("f4.pt")}, kTinyOptions);
      },
      {"f4.pt", "latent-diffusion", "taesd"});
  expect_error([&] { import_model({kTaesd[0], kTaesd[0]}, kTinyOptions); }, {"taesd_encoder.pth", "earlier file"});
  TensorFile mixed = diffusers_file("f4", false);
  for (const auto& [name, tensor] : checkpoint_tensors("f4")) {
    if (!name.starts_with("decoder.")) continue;
    mixed.tensors[name] = tensor;
  }
  std::erase_if(mixed.tensors, [](const auto& item) { return item.first.find("up_blocks") != std::string::npos; });
  expect_error([&] { read_back(mixed); }, {"m.safetensors", "latent-diffusion", "diffusers-kl"});
  const NetworkSet encoder = import_model({kTaesd[0]}, kTinyOptions);
  expect_error([&] { sampler_of(encoder, "m"); }, {"m"});
}

TEST(DiffusersKl, BrokenFilesAreRefusedInItsNames) {
  const auto refused = [](const std::function<void(TensorFile&)>& change, const std::vector<std::string>& words) {
    TensorFile file = diffusers_file("f4", false);
    change(file);
    expect_error([&] { read_back(file); }, words);
  };
  refused([](TensorFile& f) { f.tensors.erase("decoder.up_blocks.0.resnets.0.conv1.bias"); },
          {"missing: decoder.up_blocks.0.resnets.0.conv1.bias", "unknown: none"});
  refused([](TensorFile& f) { f.tensors["encoder.mid_block.other.weight"] = torch::zeros({1}); },
          {"missing: none", "unknown: encoder.mid_block.other.weight"});
  refused([](TensorFile& f) { f.tensors.erase("quant_conv.bias"); }, {"missing: quant_conv.bias"});
  refused(
      [](TensorFile& f) {
        f.tensors["encoder.mid_block.attentions.0.to_q.weight"] = torch::zeros({5, 5});
      },
      {"m.safetensors", "attn_1.q.weight"});
}

// What stands beside an autoencoder in its training's checkpoint or in a diffusion model's is named.
TEST(LatentDiffusion, SaysWhatIsLeftOut) {
  TensorFile file;
  for (const auto& [name, tensor] : checkpoint_tensors("f4")) {
    file.tensors["state_dict.first_stage_model." + name] = tensor;
  }
  const auto clean = read_back(file);
  EXPECT_FALSE(clean.info["imported"].contains("left_out"));
  for (const char* name :
       {"state_dict.model.diffusion_model.out.0.weight", "state_dict.model.diffusion_model.out.0.bias",
        "state_dict.model_ema.decay", "state_dict.betas", "state_dict.first_stage_model.loss.logvar"}) {
    file.tensors[name] = torch::zeros({1});
  }
  const auto left_out = read_back(file).info["imported"]["left_out"];
  EXPECT_EQ(left_out["tensors"], 5);
  EXPECT_EQ(left_out["names"], (std::vector<std::string>{"state_dict.betas", "state_dict.first_stage_model.loss.*",
                                                         "state_dict.model.*", "state_dict.model_ema.*"}));
}

}  // namespace
}  // namespace dgl::test
