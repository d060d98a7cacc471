#include "dgl/ops/gpu/kernels.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "devices.h"
#include "dgl/base/error.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/gpu/cuda_backend.h"
#include "dgl/ops/gpu/kernel_sources.h"
#include "dgl/ops/gpu/nvrtc.h"
#include "dgl/ops/group_norm.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/norm_relu.h"
#include "dgl/ops/pointwise.h"
#include "dgl/ops/reflect.h"
#include "dgl/ops/residual.h"
#include "dgl/ops/upfirdn2d.h"
#include "ops/emulated_gpu.h"
#include "ops/gradcheck.h"

namespace dgl::test {
namespace {

/// Where kernels run while an object lives: on a GPU ("cuda"), or as "emulated" on the processor.
class KernelDevice {
 public:
  explicit KernelDevice(const std::string& name) : device(name == "cuda" ? torch::kCUDA : torch::kCPU) {
    if (device.is_cpu()) emulation_.emplace(gpu);
  }

  const torch::Device device;
  EmulatedGpu gpu;

 private:
  std::optional<ops::gpu::EmulationScope> emulation_;
};

std::vector<std::string> kernel_devices() {
  std::vector<std::string> names = devices();
  names.front() = "emulated";
  return names;
}

/// An operation, for some numbers of channels and pixels that fill packs or do not.
struct KernelCase {
  std::string name;
  Function f;
  std::vector<std::vector<int64_t>> inputs;
  std::vector<size_t> maps;  ///< the inputs that may be of bfloat16
};

std::vector<KernelCase> kernel_cases(int64_t c, int64_t h, int64_t w) {
  const int64_t n = 2;
  const std::vector<int64_t> x{n, c, h, w}, per_channel{c}, per_image{n, c}, large{n, c, 2 * h, 2 * w};
  const torch::Tensor noise = torch::randn({n, 1, h, w});
  const auto statistics = [c](const torch::Tensor& x) {
    const auto options = x.options().dtype(x.scalar_type() == torch::kDouble ? torch::kDouble : torch::kFloat);
    return ops::NormStatistics{torch::zeros({c}, options), torch::ones({c}, options), 0.1, 1e-5};
  };
  const auto group_norm = [c](ops::NormActivation activation) {
    return
        [=](const Tensors& t) { return ops::group_norm(t[0], c % 2 == 0 ? c / 2 : 1, t[1], t[2], 1e-5, activation); };
  };
  // 12 taps: in two directions one after the other.
  const std::vector<double> longer{.01, -.02, .03, .1, .2, .3, .25, .15, .05, -.03, .02, -.01};
  const ops::Resample up{ops::fir_1331(), 2, 1, 2, 1, 4}, down{ops::fir_1331(), 1, 2, 1, 1, 1},
      blur{ops::fir_1331(), 1, 1, 2, 1, 1}, wavelet{longer, 2, 1, 7, 4, 4}, crop{ops::fir_1331(), 1, 1, -1, 3, 1};
  const ops::Resample same_size{ops::fir_1331(), 1, 1, 1, 2, 1};
  const auto both = [](const std::pair<torch::Tensor, torch::Tensor>& branches) {
    return at::cat({branches.first.flatten(), branches.second.flatten()});
  };
  const auto resample = [](const ops::Resample& r) {
    return [r](const Tensors& t) { return ops::upfirdn2d(t[0], r); };
  };
  return {
      {"bias_act", [](const Tensors& t) { return ops::bias_act(t[0], t[1]); }, {x, per_channel}, {0}},
      {"bias_act of rows", [](const Tensors& t) { return ops::bias_act(t[0], t[1]); }, {{5, c}, {c}}, {0}},
      {"scale_noise_bias_act",
       [=](const Tensors& t) { return ops::scale_noise_bias_act(t[0], t[1], noise.to(t[2]), t[2], t[3]); },
       {x, per_image, {}, {c}},
       {0}},
      {"noise_bias_act with one noise",
       [=](const Tensors& t) { return ops::noise_bias_act(t[0], noise.slice(0, 0, 1).to(t[1]), t[1], t[2]); },
       {x, {}, {c}},
       {0}},
      {"channel_scale", [](const Tensors& t) { return ops::channel_scale(t[0], t[1]); }, {x, per_image}, {0}},
      {"channel_dot", [](const Tensors& t) { return ops::channel_dot(t[0], t[1]).to(t[0].scalar_type()); }, {x, x}, {}},
      {"norm_relu",
       [=](const Tensors& t) { return ops::norm_relu(t[0], {}, t[1], t[2], statistics(t[0])); },
       {x, per_image, per_image},
       {0}},
      {"norm_relu upsampled",
       [=](const Tensors& t) { return ops::norm_relu(t[0], t[1], t[2], t[3], statistics(t[0]), true); },
       {x, {c}, {1, c}, {1, c}},
       {0}},
      {"group_norm", group_norm(ops::NormActivation::none), {x, {c}, {c}}, {0}},
      {"group_norm and SiLU", group_norm(ops::NormActivation::silu), {x, {c}, {c}}, {0}},
      {"group_norm and ReLU", group_norm(ops::NormActivation::relu), {x, {c}, {c}}, {0}},
      {"add_upsampled", [](const Tensors& t) { return ops::add_upsampled(t[0], t[1]); }, {large, x}, {0, 1}},
      {"add_pooled", [](const Tensors& t) { return ops::add_pooled(t[0], t[1]); }, {large, x}, {0, 1}},
      {"average_pool", [](const Tensors& t) { return ops::average_pool(t[0]); }, {large}, {0}},
      {"to RGB", [](const Tensors& t) { return ops::pointwise(t[0], t[1]); }, {x, {n, 3, c}}, {0}},
      {"to gray", [](const Tensors& t) { return ops::pointwise(t[0], t[1]); }, {x, {1, 1, c}}, {0}},
      {"from RGB", [](const Tensors& t) { return ops::pointwise(t[0], t[1]); }, {{n, 3, h, w}, {1, c, 3}}, {0}},
      {"branch to RGB", [=](const Tensors& t) { return both(ops::branch_pointwise(t[0], t[1])); }, {x, {n, 3, c}}, {0}},
      {"branch downsampled", [=](const Tensors& t) { return both(ops::branch_upfirdn2d(t[0], down)); }, {x}, {0}},
      {"resample_scale_noise_bias_act",
       [=](const Tensors& t) {
         return ops::resample_scale_noise_bias_act(t[0], same_size, t[1], noise.to(t[2]), t[2], t[3]);
       },
       {x, per_image, {}, {c}},
       {0}},
      {"reflect", [](const Tensors& t) { return ops::reflect(t[0], 2); }, {x}, {0}},
      {"upsample", resample(up), {x}, {0}},
      {"downsample", resample(down), {x}, {0}},
      {"blur", resample(blur), {x}, {0}},
      {"crop", resample(crop), {x}, {0}},
      {"long filter", resample(wavelet), {x}, {0}},
      {"modulated_conv_act",
       [=](const Tensors& t) { return ops::modulated_conv_act(t[0], t[1], t[2], t[3], noise.to(t[4]), t[4], t[5]); },
       {x, {16, c, 3, 3}, per_image, {n, 16}, {}, {16}},
       {0}},
  };
}

Tensors inputs_of(const KernelCase& test) {
  Tensors inputs;
  for (const auto& sizes : test.inputs) {
    // Scales of channels are positive: some gradients are divided by them.
    inputs.push_back(sizes.size() == 2 ? torch::rand(sizes, torch::kDouble) + 0.5 : random(sizes));
  }
  return inputs;
}

/// Compares gradients by sweeps that need not be differentiated again with those that can be.
void check_sweeps(const KernelCase& test, const Tensors& inputs, const torch::Tensor& weight, double tolerance) {
  const Tensors actual = gradients(test.f, leaves(inputs), weight, /*create_graph=*/false),
                expected = gradients(test.f, leaves(inputs), weight, /*create_graph=*/true);
  double largest = 0;
  for (const auto& e : expected) largest = std::max(largest, e.norm().item<double>());
  for (size_t i = 0; i < actual.size(); ++i) {
    EXPECT_LT((actual[i] - expected[i]).norm().item<double>(),
              tolerance * (expected[i].norm().item<double>() + 0.05 * largest))
        << "gradient " << i << " of a sweep";
  }
}

class GpuKernels : public ::testing::TestWithParam<std::tuple<std::vector<int64_t>, std::string>> {
 protected:
  static std::vector<KernelCase> cases() {
    const auto& size = std::get<0>(GetParam());
    return kernel_cases(size[0], size[1], size[2]);
  }
};

// Value, gradients, and gradients of their squares beside those of libtorch's operations in float64.
TEST_P(GpuKernels, Float32) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(1);
  const KernelDevice place(std::get<1>(GetParam()));
  // A GPU's sums over all pixels, of the noise's strength, lose more.
  const double tolerance = place.device.is_cuda() ? 5e-5 : 2e-5;
  for (const KernelCase& test : cases()) {
    SCOPED_TRACE(test.name);
    const Tensors exact_inputs = inputs_of(test);
    Tensors inputs, expected;
    for (const auto& t : exact_inputs) inputs.push_back(t.to(place.device, torch::kFloat));
    const torch::Tensor exact_weight = torch::randn_like(test.f(exact_inputs)),
                        weight = exact_weight.to(place.device, torch::kFloat);
    const Tensors actual = derivatives(test.f, inputs, weight);
    {
      const ReferenceGuard reference;
      expected = derivatives(test.f, exact_inputs, exact_weight);
    }
    double largest = 0;  // what is zero there is a difference of such numbers here
    for (const auto& e : expected) largest = std::max(largest, e.defined() ? e.norm().item<double>() : 0);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const torch::Tensor zero = torch::zeros({}, torch::kDouble),
                          a = actual[i].defined() ? actual[i].to(torch::kCPU, torch::kDouble) : zero,
                          e = expected[i].defined() ? expected[i] : zero;
      if (actual[i].defined() && expected[i].defined()) {
        ASSERT_EQ(a.sizes(), e.sizes()) << "result " << i;
      }
      EXPECT_LT((a - e).norm().item<double>(), tolerance * e.norm().item<double>() + 1e-6 * largest) << "result " << i;
    }
    check_sweeps(test, inputs, weight, 2e-5);
  }
}

TEST_P(GpuKernels, Bfloat16) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(2);
  const KernelDevice place(std::get<1>(GetParam()));
  const ops::TwiceDifferentiable twice;  // else second derivatives by the scale are less exact in bfloat16
  for (const KernelCase& test : cases()) {
    if (test.maps.empty()) continue;
    SCOPED_TRACE(test.name);
    const Tensors inputs = inputs_of(test);
    check_bfloat16(test.f, inputs, test.maps, place.device);
    Tensors rounded;
    for (const auto& t : inputs) rounded.push_back(t.to(place.device, torch::kFloat));
    for (const size_t m : test.maps) rounded[m] = rounded[m].to(torch::kBFloat16);
    check_sweeps(test, rounded, torch::rand_like(test.f(rounded)) + 0.5, 0.02);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sizes, GpuKernels,
    ::testing::Combine(::testing::Values(std::vector<int64_t>{16, 6, 6}, std::vector<int64_t>{3, 5, 7},
                                         std::vector<int64_t>{24, 3, 4}, std::vector<int64_t>{8, 13, 9}),
                       ::testing::ValuesIn(kernel_devices())),
    [](const auto& info) { return std::get<1>(info.param) + std::to_string(std::get<0>(info.param).front()); });

TEST(GpuKernel, EachIsRunByAnOperation) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(3);
  EmulatedGpu gpu;
  const ops::gpu::EmulationScope scope(gpu);
  for (const KernelCase& test : kernel_cases(8, 4, 4)) {
    Tensors x;
    for (const auto& t : inputs_of(test)) x.push_back(t.to(torch::kFloat));
    gradients(test.f, leaves(x), torch::randn_like(test.f(x).detach()), /*create_graph=*/false);
  }
  std::vector<std::string> expected;
  for (const std::string& source : ops::gpu::source_names()) {
    const std::string text = ops::gpu::kernel_source(source, {});
    for (size_t at = text.find("\nKERNEL("); at != std::string::npos; at = text.find("\nKERNEL(", at + 1)) {
      const size_t name = at + 8;
      if (source != "adam") expected.push_back(source + "." + text.substr(name, text.find(')', name) - name));
    }
  }
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(gpu.seen(), expected);
}

class GpuKernelDetails : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Devices, GpuKernelDetails, ::testing::ValuesIn(kernel_devices()), device_of);

// Of many pixels: several blocks sum up each image, and the rest of the last one is shorter.
TEST_P(GpuKernelDetails, SumsOfSeveralBlocks) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(4);
  const KernelDevice place(GetParam());
  for (const auto type : {torch::kFloat, torch::kBFloat16}) {
    const torch::Tensor a = torch::randn({1, 24, 67, 60}).to(place.device, type),
                        b = torch::randn({1, 24, 67, 60}).to(place.device, type);
    const torch::Tensor expected = (a.to(torch::kDouble) * b.to(torch::kDouble)).sum({2, 3});
    const torch::Tensor sums = ops::channel_dot(a, b);
    ASSERT_EQ(sums.scalar_type(), torch::kFloat);
    EXPECT_LT((sums.to(torch::kDouble) - expected).abs().max().item<double>(), 1e-3) << type;
    const torch::Tensor again = ops::channel_dot(a, b);
    EXPECT_TRUE(torch::equal(sums, again));
  }
}

// What no number is stays so: all bits of a NaN are set on a GPU, which rounding must not carry into the sign.
TEST_P(GpuKernelDetails, NanStaysNan) {
  DGL_SKIP_FIBERS();
  const KernelDevice place(GetParam());
  torch::Tensor x = torch::zeros({1, 8, 2, 2}).to(torch::kBFloat16), s = torch::ones({1, 8});
  s.data_ptr<float>()[0] = std::bit_cast<float>(0x7fffffffU);
  const torch::Tensor y = ops::channel_scale(x.to(place.device), s.to(place.device));
  EXPECT_TRUE(y.select(1, 0).isnan().all().item<bool>());
  EXPECT_FALSE(y.select(1, 1).isnan().any().item<bool>());
}

// A view whose first number is not at a multiple of 16 bytes is read number by number.
TEST_P(GpuKernelDetails, ViewsOutOfPlace) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(5);
  const KernelDevice place(GetParam());
  const torch::Tensor storage = torch::randn({1 + 2 * 8 * 4 * 4}, place.device),
                      x = storage.slice(0, 1).view({2, 8, 4, 4}), s = torch::rand({2, 8}, place.device);
  ASSERT_NE(reinterpret_cast<uintptr_t>(x.data_ptr()) % 16, 0U);
  EXPECT_TRUE(torch::allclose(ops::channel_scale(x, s), x * s.view({2, 8, 1, 1})));
}

TEST_P(GpuKernelDetails, Adam) {
  DGL_SKIP_FIBERS();
  torch::manual_seed(6);
  const KernelDevice place(GetParam());
  std::vector<ops::gpu::AdamTensors> expected, tensors;
  for (int64_t i = 0; i < 50; ++i) {  // two launches
    const int64_t size = i == 0 ? 70000 : i;
    const auto& e = expected.emplace_back(
        ops::gpu::AdamTensors{torch::randn({size}), torch::randn({size}), torch::rand({size}), torch::randn({size})});
    const auto copy = [&](const torch::Tensor& t) { return t.to(place.device, torch::kFloat, false, /*copy=*/true); };
    tensors.push_back({copy(e.parameter), copy(e.m), copy(e.v), i == 3 ? torch::Tensor() : copy(e.gradient)});
  }
  const ops::AdamNumbers numbers{.beta1 = 0.5F, .beta2 = 0.99F, .rate = 0.01F, .scale = 1.5F, .epsilon = 1e-8F};
  ops::gpu::adam(tensors, numbers, 0.5F);
  for (size_t i = 0; i < tensors.size(); ++i) {
    const auto& e = expected[i];
    const torch::Tensor g = i == 3 ? torch::zeros_like(e.m) : e.gradient * 0.5F;
    ops::adam_update(e.parameter.data_ptr<float>(), e.m.data_ptr<float>(), e.v.data_ptr<float>(), g.data_ptr<float>(),
                     g.numel(), numbers);
    EXPECT_TRUE(torch::allclose(tensors[i].parameter.cpu(), e.parameter, 1e-6, 1e-7)) << i;
    EXPECT_TRUE(torch::allclose(tensors[i].m.cpu(), e.m, 1e-6, 1e-7)) << i;
    EXPECT_TRUE(torch::allclose(tensors[i].v.cpu(), e.v, 1e-6, 1e-7)) << i;
  }
}

const ops::gpu::Variant kVariants[] = {{true, true, 8},  {true, true, 1},   {false, true, 4},
                                       {false, true, 1}, {false, false, 4}, {false, false, 1}};

// Each kernel compiles for the GPUs that people have, and keeps its numbers in registers.
TEST(GpuKernel, CompilesWithoutSpills) {
  std::string why_not;
  const ops::gpu::Nvrtc* nvrtc = ops::gpu::Nvrtc::find(&why_not);
  if (!nvrtc) GTEST_SKIP() << why_not;
  for (const int architecture : {75, 80, 90, 100}) {
    const auto& known = nvrtc->architectures();
    if (std::find(known.begin(), known.end(), architecture) == known.end()) continue;
    for (const std::string& source : ops::gpu::source_names()) {
      for (const ops::gpu::Variant& variant : kVariants) {
        if (variant.width == 1 && architecture != 90) continue;  // to save time
        const auto program = nvrtc->compile(source, variant, architecture, {"--ptxas-options=-v"});
        EXPECT_EQ(program.image.substr(1, 3), "ELF");
        // The same for all variants: some NVRTC then know the program, and say nothing of it again.
        const bool again = source == "adam" && &variant != &kVariants[0];
        if (again && program.log.find("ptxas") == std::string::npos) continue;
        size_t kernels = 0;
        for (size_t at = program.log.find("bytes spill stores"); at != std::string::npos;
             at = program.log.find("bytes spill stores", at + 1), ++kernels) {
          EXPECT_EQ(program.log.substr(at - 2, 2), "0 ")
              << source << " for " << architecture << ", " << variant.text() << ":\n"
              << program.log;
        }
        EXPECT_GT(kernels, 0U) << source << ": the compiler says nothing of registers:\n" << program.log;
      }
    }
  }
}

TEST(GpuKernel, Bfloat16NeedsUnitsForIt) {
  const torch::Device gpu("cuda:1");
  EXPECT_NO_THROW(ops::gpu::check_bfloat16(gpu, 80));
  EXPECT_NO_THROW(ops::gpu::check_bfloat16(gpu, 0));
  EXPECT_EQ(ops::gpu::compute_capability(torch::kCPU), 0);
  try {
    ops::gpu::check_bfloat16(gpu, 75);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "training.precision = \"bf16\": cuda:1 is of compute capability 7.5, which has no units for bfloat16; "
                 "expected 8.0 or newer, or fp32");
  }
}

TEST(GpuKernel, CompilerErrorsNameTheFile) {
  std::string why_not;
  const ops::gpu::Nvrtc* nvrtc = ops::gpu::Nvrtc::find(&why_not);
  if (!nvrtc) GTEST_SKIP() << why_not;
  const auto message = [&](const ops::gpu::Variant& variant, int architecture) -> std::string {
    try {
      nvrtc->compile("act", variant, architecture);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string of_width = message({false, true, 3}, 90);  // 12 bytes are no alignment
  EXPECT_EQ(of_width.find("act.cu: does not compile for compute capability 9.0 (float32, channels last, 3 wide): "), 0U)
      << of_width;
  EXPECT_NE(of_width.find("common.cuh("), std::string::npos) << of_width;
  EXPECT_NE(message({}, 20).find("compiles for no GPU of compute capability 2.0"), std::string::npos)
      << message({}, 20);
  // A card newer than the compiler gets PTX, which its driver compiles.
  const auto newer = nvrtc->compile("act", {}, 999);
  EXPECT_NE(newer.image.find(".target"), std::string::npos);
}

}  // namespace
}  // namespace dgl::test
