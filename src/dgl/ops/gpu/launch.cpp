#include "dgl/ops/gpu/launch.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/cuda_backend.h"

namespace dgl::ops::gpu {

namespace {

thread_local Backend* emulator = nullptr;

constexpr int kMaxTile = 32;          // groups of channels side by side: what a warp reads in one row
constexpr int kEnoughBlocks = 1024;   // to occupy a large GPU
constexpr int kMinPacksOfThread = 4;  // before a sum is divided among more blocks

int divided(int a, int b) { return (a + b - 1) / b; }

}  // namespace

std::string Variant::text() const {
  return fmt::format("{}, {}, {} wide", bfloat16 ? "bfloat16" : "float32",
                     channels_last ? "channels last" : "contiguous", width);
}

EmulationScope::EmulationScope(Backend& backend) : before_(emulator) { emulator = &backend; }
EmulationScope::~EmulationScope() { emulator = before_; }

bool emulated() { return emulator != nullptr; }

bool on_gpu(const torch::Tensor& t) { return t.is_cuda() || (emulated() && t.device().is_cpu()); }

bool runs(const torch::Tensor& t) {
  if (!on_gpu(t) || (t.scalar_type() != torch::kFloat && t.scalar_type() != torch::kBFloat16)) return false;
  if (t.numel() == 0 || t.numel() > std::numeric_limits<int>::max()) return false;
  return emulated() || cuda_backend(t.device()) != nullptr;
}

void run(const Launch& launch, const Arguments& arguments) {
  (emulator ? emulator : cuda_backend(launch.device))->run(launch, arguments);
}

Maps::Maps(const torch::Tensor& x)
    : images(static_cast<int>(x.size(0))),
      channels(static_cast<int>(x.size(1))),
      height(x.dim() == 4 ? static_cast<int>(x.size(2)) : 1),
      width(x.dim() == 4 ? static_cast<int>(x.size(3)) : 1),
      pixels(height * width),
      bfloat16(x.scalar_type() == torch::kBFloat16),
      channels_last(pixels == 1 || working_format(x) == at::MemoryFormat::ChannelsLast) {
  TORCH_CHECK(x.numel() <= std::numeric_limits<int>::max(), "maps of ", x.numel(), " numbers; expected less than 2^31");
}

Variant Maps::variant(std::initializer_list<const void*> addresses) const {
  const int most = bfloat16 ? 8 : 4;
  bool whole = (channels_last ? channels : pixels) % most == 0;
  for (const void* address : addresses) whole = whole && reinterpret_cast<uintptr_t>(address) % 16 == 0;
  return {bfloat16, channels_last, whole ? most : 1};
}

Launch Maps::packs(const char* source, const char* kernel, const Variant& variant, const torch::Tensor& x) const {
  const int blocks = std::clamp(divided(channels * pixels / variant.width, static_cast<int>(kThreads)), 1, 4096);
  return {source,
          kernel,
          variant,
          {static_cast<unsigned>(blocks), static_cast<unsigned>(std::min(images, 65535)), 1},
          x.device()};
}

Sweep::Sweep(const Maps& maps, const Variant& variant)
    : variant_(variant), images_(maps.images), channels_(maps.channels) {
  const int groups = maps.channels_last ? maps.channels / variant.width : maps.channels;
  const int units = maps.channels_last ? maps.pixels : maps.pixels / variant.width;
  tile_ = maps.channels_last ? static_cast<int>(std::bit_floor(static_cast<unsigned>(std::min(groups, kMaxTile)))) : 1;
  tiles_ = divided(groups, tile_);
  const int rows = static_cast<int>(kThreads) / tile_;
  const int wanted = divided(kEnoughBlocks, std::min(kEnoughBlocks, images_ * tiles_));
  slices_ = std::clamp(std::min(wanted, units / (rows * kMinPacksOfThread)), 1, 65535);
}

Launch Sweep::launch(const char* source, const char* kernel, const torch::Tensor& x) const {
  return {source,
          kernel,
          variant_,
          {static_cast<unsigned>(images_), static_cast<unsigned>(slices_), static_cast<unsigned>(tiles_)},
          x.device()};
}

torch::Tensor Sweep::sums(const torch::Tensor& x) const {
  return at::empty({images_, slices_, channels_},
                   x.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
}

const float* floats_of(const torch::Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

}  // namespace dgl::ops::gpu
