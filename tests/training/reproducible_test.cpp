#include <torch/version.h>

#include <fstream>

#include "dgl/base/hash.h"
#include "dgl/data/packed.h"
#include "dgl/ops/kernel_set.h"
#include "dgl/training/trainer.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// What the bits of a run depend on, beside the program: processor, kernels, libtorch.
std::string machine() {
  std::string family = "unknown", model = "?", line;
  for (std::ifstream file("/proc/cpuinfo"); std::getline(file, line);) {
    const std::string value = line.substr(line.find(':') + 1);
    if (line.starts_with("vendor_id")) family = value.substr(1);
    if (line.starts_with("cpu family")) family += value;
    if (line.starts_with("model\t")) model = value;
  }
  return fmt::format("{}{}, kernels for {}, libtorch {}.{}", family, model, ops::kernel_set(), TORCH_VERSION_MAJOR,
                     TORCH_VERSION_MINOR);
}

struct KnownRun {
  const char *machine, *stylegan2, *biggan;
};
/// Hashes of the weights after the steps below, on machines where they were taken. On another machine the test says
/// that it knows none, and prints the line to add here.
constexpr KnownRun kKnown[] = {
    {"GenuineIntel 6 207, kernels for avx512, libtorch 1.13", "c563310c7ee916a3", "19aaddccfc080bb8"},
};

/// A hash of all weights and averages after four steps with every phase, on one thread.
std::string train(const std::string& text, const std::string& data) {
  Recipe recipe = parse_recipe(text, "test");
  recipe.run.command = "train";
  recipe.run.data = data;
  recipe.run.device = "cpu";
  recipe.shards = 1;
  at::set_num_threads(1);
  const ProcessGroup processes;
  const auto session = make_session(recipe, processes);
  Trainer trainer(*session);
  session->state.stages.emplace_back();
  for (int i = 0; i < 4; ++i) trainer.step(session->current_stage());
  std::string bytes;
  session->student.networks.for_each_network([&](const std::string&, const Network& network) {
    for (const torch::Tensor& tensor : network.parameters()) {
      const torch::Tensor plain = tensor.detach().contiguous();
      bytes.append(static_cast<const char*>(plain.data_ptr()), plain.nbytes());
    }
  });
  return hex64(xxh64(bytes.data(), bytes.size()));
}

TEST(Reproducible, AShortRunOfEachFamilyGivesTheSameBits) {
  const TemporaryFolder folder;
  DatasetInfo info;
  info.count = 32;
  info.resolution = 32;
  info.channels = 1;
  info.classes = {"a", "b"};
  PackedWriter writer(folder / "d", info);
  std::vector<uint8_t> pixels(32 * 32);
  for (int i = 0; i < 32; ++i) {
    for (size_t p = 0; p < pixels.size(); ++p) pixels[p] = static_cast<uint8_t>(p * static_cast<size_t>(i + 1) * 37);
    writer.add(pixels.data(), i % 2);
  }
  writer.finish();
  const std::string data = (folder / "d").string();
  const std::string stylegan2 =
      "[network]\nresolution = 32\nimg_channels = 1\nchannel_max = 16\nz_dim = 16\nw_dim = 16\n"
      "[training]\nbatch = 8\nr1_interval = 2\npl_interval = 2\n";
  const std::string biggan =
      "family = 'biggan'\n[network]\nresolution = 32\nimg_channels = 1\nchannels = 8\nz_dim = 32\nshared_dim = 16\n"
      "[training]\nbatch = 8\nd_steps = 2\n";
  const std::string of_stylegan2 = train(stylegan2, data), of_biggan = train(biggan, data);
  EXPECT_EQ(of_stylegan2, train(stylegan2, data));
  EXPECT_EQ(of_biggan, train(biggan, data));
  for (const KnownRun& known : kKnown) {
    if (machine() != known.machine) continue;
    EXPECT_EQ(of_stylegan2, known.stylegan2);
    EXPECT_EQ(of_biggan, known.biggan);
    return;
  }
  fmt::print("no hashes are known for this machine: {{\"{}\", \"{}\", \"{}\"}}\n", machine(), of_stylegan2, of_biggan);
}

}  // namespace
}  // namespace dgl::test
