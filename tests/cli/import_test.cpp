#include "cli/program.h"
#include "dgl/base/torch.h"
#include "dgl/formats/checkpoint.h"
#include "formats/make_checkpoint.h"

namespace dgl::test {
namespace {

const std::string kGolden = std::string(DGL_SOURCE_DIR) + "/tests/golden/stylegan2/";

class ImportCommand : public ::testing::Test {
 protected:
  using Words = std::vector<std::string>;

  ImportCommand() : dgl_(folder_) {}

  void expect_done(const std::vector<std::string>& words) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
  }
  void expect_refused(const std::vector<std::string>& words, const std::vector<std::string>& says, int status = 1) {
    const Outcome outcome = dgl_(words);
    EXPECT_EQ(outcome.status, status) << outcome.err;
    for (const auto& word : says)
      EXPECT_NE(outcome.err.find(word), std::string::npos) << outcome.err << "lacks " << word;
    if (status == 1) {
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
    }
    EXPECT_FALSE(fs::exists(folder_ / "out.safetensors")) << "something was left behind";
  }
  /// The largest difference of a tensor in two files, relative to the largest number.
  double difference(const fs::path& a, const std::string& key_a, const fs::path& b, const std::string& key_b) const {
    const torch::Tensor x = load_safetensors(a).at(key_a, a.string()), y = load_safetensors(b).at(key_b, b.string());
    return ((x - y).abs().max() / y.abs().max()).item<double>();
  }

  TemporaryFolder folder_;
  Program dgl_;
};

TEST_F(ImportCommand, SamplesAndScoresAsTheReference) {
  for (const std::string name : {"rosinality16", "ada32-labels"}) {
    const std::string golden = kGolden + name + ".safetensors", group = name == "ada32-labels" ? "2" : "4";
    expect_done({"import", kGolden + name + ".pt", "--out", name, "--minibatch-std-group", group});
    expect_done({"sample", "--model", name, "--latents", golden, "--psi", "0.5", "--out", name + "-x.safetensors"});
    EXPECT_LT(difference(folder_ / (name + "-x.safetensors"), "images", golden, "truncated"), 1e-4);
    TensorFile images = load_safetensors(golden);
    images.tensors["images"] = images.at("real", golden);
    save_safetensors(folder_ / (name + "-real"), images);
    expect_done({"score", "--model", name, "--images", name + "-real", "--out", name + "-s"});
    EXPECT_LT(difference(folder_ / (name + "-s"), "scores", golden, "scores"), 1e-4);
  }
  expect_done({"sample", "--model", "ada32-labels", "--label", "3", "-n", "4", "--out", "grid.png"});
  expect_done({"sample", "--model", "ada32-labels", "-n", "4", "--out", "any.png"});
  expect_refused({"sample", "--model", "ada32-labels", "--label", "5", "--out", "out.safetensors"},
                 {"--label 5", "5 labels"});
  save_safetensors(folder_ / "z", {{{"z", torch::zeros({2, 6})}}, {}});
  expect_refused({"sample", "--model", "ada32-labels", "--latents", "z", "--out", "out.safetensors"}, {"z", "labels"});
  save_safetensors(folder_ / "z", {{{"z", torch::zeros({2, 6})}, {"labels", torch::tensor({0, 5})}}, {}});
  expect_refused({"sample", "--model", "ada32-labels", "--latents", "z", "--out", "out.safetensors"},
                 {"labels", "0 to 4"});
}

TEST_F(ImportCommand, ExportsWhatItImported) {
  expect_done({"import", kGolden + "rosinality32.pt", "--out", "m"});
  expect_done({"export", "--model", "m", "--to", "stylegan2-pytorch", "--out", "x.safetensors"});
  const TensorFile exported = load_safetensors(folder_ / "x.safetensors");
  for (const auto& [name, tensor] : load_checkpoint(kGolden + "rosinality32.pt").tensors) {
    if (name.find("optim") == std::string::npos) {
      EXPECT_TRUE(exported.contains(name) && exported.at(name, "x").equal(tensor)) << name;
    }
  }
  expect_refused({"export", "--model", "m", "--out", "x.pt"}, {"x.pt", ".onnx", ".safetensors"});
  expect_refused({"export", "--model", "m", "--out", "x.safetensors"}, {"x.safetensors", "--overwrite"});
}

TEST_F(ImportCommand, GuidesAStudent) {
  put_squares(folder_, 20);
  folder_.put("r.toml",
              "[network]\nresolution = 16\nimg_channels = 3\nchannel_base = 64\nchannel_max = 4\nz_dim = 4\n"
              "w_dim = 4\n[training]\nbatch = 4\nkimg = 0.008\n[guidance]\nstage1_kimg = 0.008\n"
              "stage2_kimg = 0.008\n");
  expect_done({"prepare", "squares", "--size", "16", "--rgb", "--out", "d.dgldata"});
  expect_done({"import", kGolden + "rosinality16.pt", "--out", "teacher"});
  expect_done({"compress", "--teacher", "teacher", "--data", "d.dgldata", "--recipe", "r.toml", "--width", "1/2",
               "--out", "run"});
  EXPECT_NE(read_file(folder_ / "run/log.jsonl").find("g_guidance"), std::string::npos);
}

// A checkpoint that rosinality's train.py saved after a few steps (tests/golden/README.md).
TEST_F(ImportCommand, ACheckpointOfTheReferencesTrainingSamplesAndTeaches) {
  put_squares(folder_, 20);
  folder_.put("r.toml",
              "[network]\nresolution = 32\nimg_channels = 3\nchannel_base = 128\nchannel_max = 8\nz_dim = 12\n"
              "w_dim = 12\n[training]\nbatch = 4\nkimg = 0.008\n[guidance]\nstage1_kimg = 0.008\n"
              "stage2_kimg = 0.008\n");
  const std::string golden = kGolden + "rosinality32-train.safetensors";
  expect_done({"import", kGolden + "rosinality32-train.pt", "--out", "teacher"});
  expect_done({"sample", "--model", "teacher", "--latents", golden, "--out", "x.safetensors"});
  EXPECT_LT(difference(folder_ / "x.safetensors", "images", golden, "images"), 1e-4);
  expect_done({"prepare", "squares", "--size", "32", "--rgb", "--out", "d.dgldata"});
  expect_done({"compress", "--teacher", "teacher", "--data", "d.dgldata", "--recipe", "r.toml", "--width", "1/2",
               "--out", "run"});
  EXPECT_NE(read_file(folder_ / "run/log.jsonl").find("g_guidance"), std::string::npos);
}

// As nn.DataParallel and torch.compile name what they wrap, and within the dicts that programs put around a state dict.
TEST_F(ImportCommand, WrappersAreTakenOff) {
  const std::string file = std::string(DGL_SOURCE_DIR) + "/tests/golden/stylegan2/rosinality32-train.pt";
  expect_done({"import", file, "--out", "plain"});
  const TensorFile whole = load_checkpoint(file), plain = load_safetensors(folder_ / "plain");
  const auto expect_same = [&](const std::string& name) {
    const TensorFile made = load_safetensors(folder_ / name);
    EXPECT_EQ(made.tensors.size(), plain.tensors.size()) << name;
    for (const auto& [key, tensor] : plain.tensors) EXPECT_TRUE(tensor.equal(made.at(key, name))) << name << key;
  };
  for (const std::string wrapper : {"module.", "_orig_mod.", "_orig_mod.module."}) {
    TensorFile wrapped;
    for (const auto& [key, tensor] : whole.tensors) {
      const size_t dot = key.find('.') + 1;
      const bool network = key.starts_with("g.") || key.starts_with("g_ema.") || key.starts_with("d.");
      wrapped.tensors[network ? key.substr(0, dot) + wrapper + key.substr(dot) : key] = tensor;
    }
    save_safetensors(folder_ / "w.safetensors", wrapped);
    expect_done({"import", "w.safetensors", "--overwrite", "--out", "unwrapped"});
    expect_same("unwrapped");
    wrapped.tensors.insert(whole.tensors.begin(), whole.tensors.end());
    save_safetensors(folder_ / "w.safetensors", wrapped);
    expect_refused({"import", "w.safetensors", "--out", "out"}, {"w.safetensors", "wraps"});
  }
  for (const std::string wrapper : {"state_dict.", "model."}) {
    TensorFile one;
    for (const auto& [key, tensor] : whole.with_prefix("g.")) one.tensors[wrapper + key] = tensor;
    one.tensors["other"] = torch::ones({1});
    save_safetensors(folder_ / "one.safetensors", one);
    const Outcome said = dgl_({"import", "one.safetensors", "--overwrite", "--out", "one"});
    EXPECT_EQ(said.status, 0) << said.err;
    EXPECT_NE(said.out.find("left out: other"), std::string::npos) << said.out;
  }
  // Tensors beside the networks of an autoencoder are found within it too.
  const std::string vae = std::string(DGL_SOURCE_DIR) + "/tests/golden/vae/f4.pt";
  expect_done({"import", vae, "--resolution", "32", "--out", "vae"});
  TensorFile wrapped;
  for (const auto& [key, tensor] : load_checkpoint(vae).with_prefix("state_dict.")) {
    wrapped.tensors["model." + key] = tensor;
  }
  save_safetensors(folder_ / "w.safetensors", wrapped);
  expect_done({"import", "w.safetensors", "--resolution", "32", "--out", "vae-again"});
  const TensorFile before = load_safetensors(folder_ / "vae"), after = load_safetensors(folder_ / "vae-again");
  EXPECT_EQ(before.tensors.size(), after.tensors.size());
  for (const auto& [key, tensor] : before.tensors) EXPECT_TRUE(tensor.equal(after.at(key, "vae-again"))) << key;
}

// TAESD's two files to diffusers' one and back.
TEST_F(ImportCommand, AutoencodersGoFromProgramToProgram) {
  const std::string files = std::string(DGL_SOURCE_DIR) + "/tests/golden/vae/";
  const std::string encoder = files + "taesd_encoder.pth", decoder = files + "taesd_decoder.pth";
  expect_done({"import", decoder, encoder, "--resolution", "32", "--out", "tiny"});
  expect_done({"export", "--model", "tiny", "--to", "diffusers-tiny", "--out", "one.safetensors"});
  expect_done({"import", "one.safetensors", "--resolution", "32", "--from", "diffusers-tiny", "--out", "back"});
  for (const std::string slot : {"encoder", "decoder"}) {
    const std::string out = slot + ".safetensors";
    expect_done({"export", "--model", "back", "--network", slot, "--to", "taesd", "--out", out});
    const auto before = load_checkpoint(files + "taesd_" + slot + ".pth").tensors,
               after = load_safetensors(folder_ / out).tensors;
    EXPECT_EQ(before.size(), after.size());
    for (const auto& [name, tensor] : before) EXPECT_TRUE(after.at(name).equal(tensor.to(torch::kFloat))) << name;
  }
  expect_done({"export", "--model", "back", "--out", "back.onnx"});
  expect_done({"export", "--model", "back", "--to", "diffusers-tiny", "--out", "folder"});
  const auto settings = nlohmann::json::parse(read_file(folder_ / "folder/config.json"));
  EXPECT_EQ(settings["_class_name"], "AutoencoderTiny");
  EXPECT_EQ(settings["num_encoder_blocks"][0], 1);
  expect_done({"import", "folder", "--resolution", "32", "--out", "from-folder"});
  const auto whole = load_safetensors(folder_ / "back"), again = load_safetensors(folder_ / "from-folder");
  EXPECT_EQ(whole.tensors.size(), again.tensors.size());
  for (const auto& [name, tensor] : whole.tensors) EXPECT_TRUE(again.at(name, "again").equal(tensor)) << name;
  expect_done({"export", "--model", "back", "--network", "encoder", "--out", "encoder.onnx"});

  // What one file of latent-diffusion holds beside its autoencoder and discriminator is said.
  const Outcome said = dgl_({"import", files + "f2.pt", "--resolution", "16", "--out", "kl"});
  EXPECT_EQ(said.status, 0) << said.err;
  EXPECT_NE(said.out.find("1 tensor was left out: state_dict.loss.logvar\n"), std::string::npos) << said.out;

  const auto refused = [&](Words words, const Words& more, const Words& says, int status = 1) {
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(words, says, status);
    EXPECT_FALSE(fs::exists(folder_ / "n.safetensors"));
  };
  const Words import{"import", "--resolution", "32", "--out", "n.safetensors"};
  refused(import, {encoder, files + "taesd3_decoder.pth"}, {"16 channels of 4"});
  refused(import, {encoder, files + "f4.pt"}, {"f4.pt", "latent-diffusion", "taesd"});
  refused(import, {encoder, "--from", "latent-diffusion"}, {"taesd_encoder.pth", "taesd", "latent-diffusion"});
  TensorFile pooled = load_checkpoint(encoder);
  pooled.tensors["11.pool.0.weight"] = torch::zeros({24, 6, 1, 1});
  save_safetensors(folder_ / "pooled.safetensors", pooled);
  refused(import, {"pooled.safetensors"}, {"pooled.safetensors", "11.pool.0.weight", "FLUX.2"});
  const Words written{"export", "--out", "n.safetensors", "--model"};
  refused(written, {"tiny"}, {"--to", "latent-diffusion or diffusers-kl or taesd or diffusers-tiny"}, 2);
  refused(written, {"tiny", "--to", "diffusers-kl"}, {"tiny", "AutoencoderKL", "diffusers-kl"});
  refused(written, {"kl", "--to", "taesd"}, {"kl", "taesd"});
  refused(written, {"tiny", "--to", "taesd", "--network", "discriminator"}, {"tiny", "discriminator", "encoder"});
  refused({"export", "--model", "back", "--network", "encoder", "--to", "diffusers-tiny", "--out", "half"}, {},
          {"back", "an encoder and a decoder"});
  EXPECT_FALSE(fs::exists(folder_ / "half"));
  // An encoder alone makes no images.
  expect_done({"import", encoder, "--resolution", "32", "--out", "alone"});
  refused({"export", "--model", "alone", "--out", "n.onnx"}, {}, {"alone"});
}

TEST_F(ImportCommand, RefusesInOneLine) {
  const std::string good = kGolden + "ada16.pt";
  folder_.put("empty", "");
  folder_.put("text", "no checkpoint at all");
  const std::string pickle = make_pickle("cos\nsystem\n" + text("touch pwned") + "\x85R");
  folder_.put("system.zip", make_zip({{"a/data.pkl", pickle}}));
  folder_.put("system.old", make_legacy(pickle, "", ""));
  const std::string whole = read_file(good);
  folder_.put("cut", whole.substr(0, whole.size() / 2));
  for (const std::string name : {"none", "empty", "text", "cut"}) {
    expect_refused({"import", name, "--out", "out.safetensors"}, {name});
  }
  for (const std::string name : {"system.zip", "system.old"}) {
    expect_refused({"import", name, "--out", "out.safetensors"}, {name, "os.system"});
  }
  EXPECT_FALSE(fs::exists(folder_ / "pwned"));
  expect_refused({"import", good, "--from", "stylegan2-pytorch", "--out", "out.safetensors"},
                 {"stylegan2-ada-pytorch"});
  expect_refused({"import", good, "--from", "progan", "--out", "out.safetensors"}, {"progan"}, 2);
  expect_refused({"import", good, good, "--out", "out.safetensors"}, {"earlier file"});
  expect_refused({"import", good, "--out", "text"}, {"text", "--overwrite"});
}

}  // namespace
}  // namespace dgl::test
