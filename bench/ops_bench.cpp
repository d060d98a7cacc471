// Each operation of src/ops beside its plain reference, forward alone and with the backward pass, in float32 and
// bfloat16.
//   cmake --preset release -DDGL_BENCH=ON && cmake --build build --target bench_ops && build/bench_ops
// DGL_THREADS sets the threads (all cores by default).
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/ops/bias_act.h"
#include "dgl/ops/common.h"
#include "dgl/ops/conv2d.h"
#include "dgl/ops/conv3x3.h"
#include "dgl/ops/conv_act.h"
#include "dgl/ops/modulate.h"
#include "dgl/ops/norm_relu.h"
#include "dgl/ops/pointwise.h"
#include "dgl/ops/residual.h"
#include "dgl/ops/upfirdn2d.h"

namespace dgl {
namespace {

using torch::Tensor;

/// What an operation works on: feature maps of n images with c channels and r x r pixels, or 2 r x 2 r, weights,
/// styles, a bias.
struct Inputs {
  Inputs(int64_t n, int64_t c, int64_t r, torch::ScalarType type) {
    torch::manual_seed(0);
    x = torch::randn({n, c, r, r}).contiguous(at::MemoryFormat::ChannelsLast).to(type).set_requires_grad(true);
    large =
        torch::randn({n, c, 2 * r, 2 * r}).contiguous(at::MemoryFormat::ChannelsLast).to(type).set_requires_grad(true);
    w = torch::randn({c, c, 3, 3}).set_requires_grad(true);
    point = torch::randn({1, c, c}).set_requires_grad(true);
    to_image = torch::randn({n, 3, c}).set_requires_grad(true);
    styles = torch::randn({n, c}).set_requires_grad(true);
    bias = torch::randn({c}).set_requires_grad(true);
    strength = torch::ones({}).set_requires_grad(true);
    noise = torch::randn({n, 1, r, r});
  }
  Tensor x, large, w, point, to_image, styles, bias, strength, noise;
};

using Operation = Tensor (*)(const Inputs&);

Tensor norm_relu(const Inputs& i, bool upsample) {
  const ops::NormStatistics statistics{torch::zeros({i.x.size(1)}), torch::ones({i.x.size(1)}), 0.1};
  return ops::norm_relu(i.x, {}, i.styles, i.styles, statistics, upsample);
}

const ops::Resample kBlur{ops::fir_1331(), 1, 1, 2, 1, 1}, kDown{ops::fir_1331(), 1, 2, 1, 1, 1};

struct Named {
  const char* name;
  Operation operation;
};
const Named kOperations[] = {
    {"conv2d_3x3", [](const Inputs& i) { return ops::conv2d(i.x, i.w, 1, 1); }},
    {"conv2d_3x3_down", [](const Inputs& i) { return ops::conv2d(i.x, i.w, 2, 1); }},
    {"conv2d_3x3_up",
     [](const Inputs& i) { return ops::conv2d_transpose(i.x, i.w, 2 * i.x.size(2) + 1, 2 * i.x.size(3) + 1, 2, 0); }},
    {"conv_act", [](const Inputs& i) { return ops::conv_act(i.x, i.w, i.bias); }},
    {"modulated_conv_act",
     [](const Inputs& i) {
       return ops::modulated_conv_act(i.x, i.w, i.styles, i.styles, i.noise, i.strength, i.bias);
     }},
    {"pointwise", [](const Inputs& i) { return ops::pointwise(i.x, i.point); }},
    {"pointwise_to_image", [](const Inputs& i) { return ops::pointwise(i.x, i.to_image); }},
    {"upfirdn2d_blur", [](const Inputs& i) { return ops::upfirdn2d(i.x, kBlur); }},
    {"upfirdn2d_down", [](const Inputs& i) { return ops::upfirdn2d(i.x, kDown); }},
    {"bias_act", [](const Inputs& i) { return ops::bias_act(i.x, i.bias); }},
    {"noise_bias_act", [](const Inputs& i) { return ops::noise_bias_act(i.x, i.noise, i.strength, i.bias); }},
    {"norm_relu", [](const Inputs& i) { return norm_relu(i, false); }},
    {"norm_relu_upsampled", [](const Inputs& i) { return norm_relu(i, true); }},
    {"add_upsampled", [](const Inputs& i) { return ops::add_upsampled(i.large, i.x); }},
    {"add_pooled", [](const Inputs& i) { return ops::add_pooled(i.large, i.x); }},
    {"channel_scale", [](const Inputs& i) { return ops::channel_scale(i.x, i.styles); }},
};

void run(benchmark::State& state, Operation operation, bool reference, bool backward, torch::ScalarType type) {
  const Inputs inputs(state.range(0), state.range(1), state.range(2), type);
  const ops::ReferenceScope scope(reference);
  const auto once = [&] {
    if (!backward) {
      torch::NoGradGuard no_grad;
      benchmark::DoNotOptimize(operation(inputs).data_ptr());
      return;
    }
    const Tensor y = operation(inputs);
    y.backward(torch::ones_like(y));
  };
  once();
  for (auto _ : state) once();
}

/// One of the ways by which a 3x3 convolution can go; what ops/conv3x3.h's choice between them rests on.
struct Way {
  const char* name;
  bool (*serves)(const Tensor& x, int64_t in, int64_t out);
  Tensor (*forward)(const Tensor& x, const Tensor& w);
  Tensor (*weight_gradient)(const Tensor& x, const Tensor& g);
};
Tensor direct_weight_gradient(const Tensor& x, const Tensor& g) {
  const Tensor w = at::empty({g.size(1), x.size(1), 3, 3}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  return std::get<1>(at::convolution_backward(g, x, w, at::OptionalIntArrayRef(), {1, 1}, {1, 1}, {1, 1}, false, {0, 0},
                                              1, {false, true, false}));
}
const Way kWays[] = {
    {"winograd", [](const Tensor& x, int64_t in, int64_t out) { return ops::winograd_supports(x, in, out); },
     [](const Tensor& x, const Tensor& w) { return ops::winograd_conv2d(x, w); },
     [](const Tensor& x, const Tensor& g) { return ops::winograd_weight_gradient(x, g); }},
    {"winograd_fast",
     [](const Tensor& x, int64_t in, int64_t out) {
       return x.scalar_type() == torch::kBFloat16 && ops::winograd_supports(x, in, out);
     },
     [](const Tensor& x, const Tensor& w) {
       const ops::FastProducts fast(true);
       return ops::winograd_conv2d(x, w);
     },
     [](const Tensor& x, const Tensor& g) {
       const ops::FastProducts fast(true);
       return ops::winograd_weight_gradient(x, g);
     }},
    {"amx", ops::amx_supports, [](const Tensor& x, const Tensor& w) { return ops::amx_conv2d(x, w, 1, 1); },
     [](const Tensor& x, const Tensor& g) { return ops::amx_weight_gradient(x, g, 1, 1); }},
    {"direct", [](const Tensor&, int64_t, int64_t) { return true; },
     [](const Tensor& x, const Tensor& w) {
       return at::conv2d(x, w.to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast), {}, at::IntArrayRef{1, 1},
                         at::IntArrayRef{1, 1});
     },
     direct_weight_gradient}};

void convolution(benchmark::State& state, const Way& way, bool gradient, torch::ScalarType type) {
  torch::NoGradGuard no_grad;
  const int64_t n = state.range(0), c = state.range(1), r = state.range(2);
  const Tensor x = torch::randn({n, c, r, r}).contiguous(at::MemoryFormat::ChannelsLast).to(type),
               w = torch::randn({c, c, 3, 3});
  if (!way.serves(x, c, c)) return state.SkipWithError("not served");
  const auto once = [&] { return gradient ? way.weight_gradient(x, x) : way.forward(x, w); };
  once();
  for (auto _ : state) benchmark::DoNotOptimize(once().data_ptr());
  state.counters["GFLOP/s"] = benchmark::Counter(static_cast<double>(18 * n * c * c * r * r) * 1e-9,
                                                 benchmark::Counter::kIsIterationInvariantRate);
}

void add_all() {
  for (const auto& [name, operation] : kOperations) {
    for (const bool backward : {false, true}) {
      for (const auto& [precision, reference, type] : {std::tuple{"reference", true, torch::kFloat},
                                                       {"fp32", false, torch::kFloat},
                                                       {"bf16", false, torch::kBFloat16}}) {
        const std::string full = fmt::format("{}/{}/{}", name, backward ? "forward_backward" : "forward", precision);
        benchmark::RegisterBenchmark(
            full.c_str(), [=, operation = operation, reference = reference,
                           type = type](benchmark::State& state) { run(state, operation, reference, backward, type); })
            ->Args({16, 64, 32})
            ->Args({4, 128, 128})
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
  for (const auto& [precision, type] : {std::pair{"fp32", torch::kFloat}, {"bf16", torch::kBFloat16}}) {
    for (const Way& way : kWays) {
      for (const bool gradient : {false, true}) {
        auto* bench = benchmark::RegisterBenchmark(
            fmt::format("{}{}/{}", way.name, gradient ? "_weight_gradient" : "", precision).c_str(),
            [=, &way, type = type](benchmark::State& state) { convolution(state, way, gradient, type); });
        bench->UseRealTime()->Unit(benchmark::kMillisecond);
        for (const int64_t c : {16, 32, 64, 128, 256, 512}) {
          for (const auto& [n, r] : {std::pair{1, 4},
                                     {1, 8},
                                     {1, 16},
                                     {1, 32},
                                     {1, 64},
                                     {4, 8},
                                     {8, 4},
                                     {8, 8},
                                     {16, 8},
                                     {4, 32},
                                     {8, 32},
                                     {8, 64}}) {
            bench->Args({n, c, r});
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace dgl

int main(int argc, char** argv) {
  const char* threads = std::getenv("DGL_THREADS");
  dgl::init_runtime(threads ? std::atoi(threads) : 0);
  dgl::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
