#include "dgl/ops/amx.h"

#ifdef DGL_AMX

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/amx_tiles.h"
#include "dgl/ops/frozen_weights.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops {

namespace {

using torch::Tensor;

constexpr int64_t kScratchNumbers = 192 * 1024;  // numbers of padded images at a time, which fit the second-level cache

/// Returns true if the system lets this process use the tiles. It must be asked once (Linux's arch_prctl,
/// ARCH_REQ_XCOMP_PERM).
bool permitted() {
  constexpr long kRequest = 0x1023, kTileData = 18;
  static const bool yes = syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
  return yes;
}

/// One of a kernel's nine weights, 3 y + x, and the pixel of a position's window that it multiplies. Grid position,
/// tile and parity are explained in ops/amx_tiles.h.
struct Tap {
  int64_t weight, row, column;
};

/// Some of the taps, and the outputs that they make together. Position (t, s) of the grid makes the output in row
/// ConvPlan::output_step * t + `row` and column output_step * s + `column`.
struct Phase {
  std::vector<Tap> taps;
  int64_t row, column;
};

/// A convolution as a walk over the grid positions of padded images.
struct ConvPlan {
  int64_t height, width;  ///< grid positions of each image
  int64_t step;           ///< from one position to the next, in pixels of the padded image
  int64_t extent;         ///< rows and columns of a position's window
  int64_t padding;        ///< rows and columns of zeros before the image
  std::vector<Phase> phases;
  int64_t output_step;

  int64_t pitch() const { return (width - 1) * step + extent; }
  int64_t padded_rows(int64_t rows) const { return (rows - 1) * step + extent; }
};

/// Packs weights [O, C, 3, 3] into tiles in the order of their use, [out / 32][taps][in / 32][2]. They serve the
/// convolution of C to O channels or, with `adjoint`, of O to C channels.
Tensor pack(const Tensor& w_float, const ConvPlan& walk, bool adjoint) {
  const Tensor w = working_layout(w_float).to(torch::kBFloat16);
  const int64_t channels = w.size(1), in = w.size(adjoint ? 0 : 1), out = w.size(adjoint ? 1 : 0);
  Tensor packed = at::empty({w.numel()}, w.options().memory_format(at::MemoryFormat::Contiguous));
  const Number* from = w.data_ptr<Number>();
  Number* to = packed.data_ptr<Number>();
  const auto at = [=](int64_t o, int64_t tap, int64_t c) { return from + (o * kTaps + tap) * channels + c; };
  std::vector<int64_t> order;
  for (const Phase& phase : walk.phases) {
    for (const Tap& tap : phase.taps) order.push_back(tap.weight);
  }
  const int64_t depths = in / kDepth;
  parallel_for(0, out / kPair * kTaps, 1 + 16384 / (in * kPair), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t n = i / kTaps * kPair, tap = order[static_cast<size_t>(i % kTaps)];
      for (int64_t k = 0; k < in; k += kDepth) {
        Number* tiles = to + (i * depths + k / kDepth) * 2 * kTileNumbers;
        for (int64_t half = 0; half < 2 && !adjoint; ++half) {
          Words rows[kTile];
          for (int64_t j = 0; j < kTile; ++j) rows[j] = read<Words>(at(n + half * kTile + j, tap, k));
          transpose(rows);
          for (int64_t j = 0; j < kTile; ++j) write(tiles + half * kTileNumbers + j * kDepth, rows[j]);
        }
        for (int64_t j = 0; j < kTile && adjoint; ++j) {
          const Pairs pairs = interleave(read<Halves>(at(k + 2 * j, tap, n)), read<Halves>(at(k + 2 * j + 1, tap, n)));
          write(tiles + j * kDepth, pairs.low);
          write(tiles + kTileNumbers + j * kDepth, pairs.high);
        }
      }
    }
  });
  return packed;
}

/// Adjacent positions in a row of the grid, within a group.
struct Segment {
  int64_t first, count, image, row, column;
};

/// The pixels of a tile: sixteen, one step apart. `segments` has those that belong to positions of the grid.
struct PixelGroup {
  int64_t base = 0;  ///< index of the first pixel in the padded images
  std::vector<Segment> segments;
};

/// Returns the groups of `rows` rows of each of `images` images. Groups end with each row or continue across the ends
/// of rows, whichever takes fewer groups.
std::vector<PixelGroup> groups_of(const ConvPlan& walk, int64_t images, int64_t rows) {
  const int64_t pitch = walk.pitch(), through = (rows - 1) * pitch + walk.width;
  const bool flat = (through + kTile - 1) / kTile < rows * ((walk.width + kTile - 1) / kTile);
  const int64_t runs = flat ? 1 : rows, length = flat ? through : walk.width;
  std::vector<PixelGroup> groups;
  for (int64_t image = 0; image < images; ++image) {
    for (int64_t run = 0; run < runs; ++run) {
      for (int64_t first = 0; first < length; first += kTile) {
        PixelGroup group{image * walk.padded_rows(rows) * pitch + (run * pitch + first) * walk.step, {}};
        const int64_t last = std::min(first + kTile, length);
        for (int64_t i = first; i < last;) {
          const int64_t row = i / pitch, column = i % pitch, next = std::min((row + 1) * pitch, last);
          if (column < walk.width) {
            group.segments.push_back(
                {i - first, std::min(next, row * pitch + walk.width) - i, image, run + row, column});
          }
          i = next;
        }
        groups.push_back(group);
      }
    }
  }
  if (groups.size() % 2 != 0) groups.emplace_back();
  return groups;
}

/// Computes 32 pixels by 32 channels of a convolution, [32][32]. The pixels are those of two groups, `step` bytes
/// apart. `weights` are tiles.
void multiply(const Number* first, const Number* second, int64_t step, const std::vector<int64_t>& taps, int64_t in,
              const Number* weights, float* sums) {
  Tiles::settle();
  clear_sums();
  for (const int64_t tap : taps) {
    for (int64_t k = 0; k < in; k += kDepth) {
      add_products(first + tap + k, second + tap + k, step, weights, weights + kTileNumbers, 64);
      weights += 2 * kTileNumbers;
    }
  }
  store_sums(sums, kPair * sizeof(float));
  Tiles::settle();
}

/// Copies `rows` rows of an image, from row `first` on, into a padded image. Multiplies them by `scale` if it is given.
void copy_padded(const Number* image, int64_t height, int64_t width, int64_t channels, int64_t first, int64_t rows,
                 int64_t padding, int64_t pitch, const float* scale, Number* to) {
  for (int64_t r = 0; r < rows; ++r, to += pitch * channels) {
    const int64_t row = first + r, columns = row >= 0 && row < height ? std::min(width, pitch - padding) : 0;
    Number* begin = to + std::min(padding, pitch) * channels;
    std::fill(to, begin, Number());
    std::fill(begin + columns * channels, to + pitch * channels, Number());
    const Number* from = image + row * width * channels;
    if (!scale) {
      std::copy(from, from + columns * channels, begin);
      continue;
    }
    for (int64_t p = 0; p < columns; ++p) {
      for (int64_t c = 0; c < channels; c += kVecSize)
        store(begin + p * channels + c, load(from + p * channels + c) * load(scale + c));
    }
  }
}

/// The destination of a convolution's outputs.
struct Output {
  Number* to;
  int64_t height, width, channels;
  const Epilogue* finish;

  /// Stores the outputs of a group in `phase`, [16][32], for 32 channels from `n` on. Skips outputs outside the image.
  /// The group counts images from `image` and rows from `top`.
  void keep(const PixelGroup& group, const Phase& phase, int64_t step, int64_t image, int64_t top, int64_t n,
            const float* sums) const {
    for (const Segment& segment : group.segments) {
      const int64_t row = (top + segment.row) * step + phase.row, column = segment.column * step + phase.column;
      if (row < 0 || row >= height) continue;
      const int64_t of_image = image + segment.image,
                    inside = std::min(segment.count, (width - column + step - 1) / step);
      for (int64_t i = column < 0 ? 1 : 0; i < inside; ++i) {
        const int64_t pixel = row * width + column + i * step;
        Number* place = to + (of_image * height * width + pixel) * channels + n;
        for (int64_t c = 0; c < kPair; c += kVecSize) {
          Vec v = load(sums + (segment.first + i) * kPair + c);
          if (finish) v = (*finish)(v, finish->channels(of_image, channels, n + c), of_image, pixel);
          store(place + c, v);
        }
      }
    }
  }
};

Tensor run(const ConvPlan& walk, const Tensor& x_any, const Tensor& packed, const Tensor& scale_any, int64_t out,
           int64_t height, int64_t width, const std::optional<EpilogueParams>& output_step = {}) {
  const Tensor x = working_layout(x_any), scale = contiguous_or_undefined(scale_any);
  Tensor y = at::empty({x.size(0), out, height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
  const int64_t images = x.size(0), in = x.size(1), pitch = walk.pitch();
  const Number *from = x.data_ptr<Number>(), *weights = packed.data_ptr<Number>();
  const float* scales = pointer(scale);
  std::optional<Epilogue> finish;
  if (output_step) finish.emplace(*output_step);
  const Output output{y.data_ptr<Number>(), height, width, out, finish ? &*finish : nullptr};

  const int64_t row = pitch * in, whole = walk.padded_rows(walk.height) * row;
  const CacheBlocks blocks(images, walk.height, kScratchNumbers / whole, kScratchNumbers / (row * walk.step));
  parallel_for(0, blocks.count, 1, [&](int64_t first_block, int64_t last_block) {
    const Tiles tiles;
    // Groups also read pixels after the last position. These are multiplied, but never stored.
    const int64_t behind = kTile * walk.step + walk.extent * pitch;
    const int64_t padded = blocks.images_at_once * walk.padded_rows(blocks.rows_at_once) * pitch + behind;
    const Scratch scratch(padded * in);
    std::fill(scratch.get(), scratch.get() + padded * in, Number());
    alignas(64) float sums[kPair * kPair];
    std::vector<int64_t> taps;
    std::vector<PixelGroup> groups;
    int64_t grouped_images = 0, grouped_rows = 0;
    for (int64_t i = first_block; i < last_block; ++i) {
      const auto [image, here, top, rows] = blocks[i];
      for (int64_t k = 0; k < here; ++k) {
        copy_padded(from + (image + k) * x.size(2) * x.size(3) * in, x.size(2), x.size(3), in,
                    top * walk.step - walk.padding, walk.padded_rows(rows), walk.padding, pitch,
                    scales ? scales + (image + k) * in : nullptr,
                    scratch.get() + k * walk.padded_rows(rows) * pitch * in);
      }
      if (here != grouped_images || rows != grouped_rows)
        groups = groups_of(walk, grouped_images = here, grouped_rows = rows);
      int64_t earlier_taps = 0;
      for (const Phase& phase : walk.phases) {
        taps.clear();
        for (const Tap& tap : phase.taps) taps.push_back((tap.row * pitch + tap.column) * in);
        for (int64_t n = 0; n < out; n += kPair) {
          const Number* tile = weights + (n / kPair * kTaps + earlier_taps) * in / kDepth * 2 * kTileNumbers;
          for (size_t g = 0; g < groups.size(); g += 2) {
            multiply(scratch.get() + groups[g].base * in, scratch.get() + groups[g + 1].base * in,
                     walk.step * in * static_cast<int64_t>(sizeof(Number)), taps, in, tile, sums);
            output.keep(groups[g], phase, walk.output_step, image, top, n, sums);
            output.keep(groups[g + 1], phase, walk.output_step, image, top, n, sums + kTile * kPair);
          }
        }
        earlier_taps += static_cast<int64_t>(phase.taps.size());
      }
    }
  });
  return y;
}

ConvPlan forward_walk(int64_t height, int64_t width, int64_t stride, int64_t padding) {
  ConvPlan walk{height, width, stride, 3, padding, {{{}, 0, 0}}, 1};
  for (int64_t i = 0; i < kTaps; ++i) walk.phases[0].taps.push_back({i, i / 3, i % 3});
  return walk;
}

/// Returns the plan of the gradient with respect to a convolution's data.
ConvPlan backward_walk(int64_t height, int64_t width, int64_t stride, int64_t padding) {
  if (stride == 1) {
    ConvPlan walk = forward_walk(height, width, 1, 2 - padding);
    for (Tap& tap : walk.phases[0].taps) tap.weight = kTaps - 1 - tap.weight;
    return walk;
  }
  // With stride 2 the kernel's first and last rows contribute to rows of one parity, its middle row to rows of the
  // other. The same holds for columns.
  const auto positions = [&](int64_t size) { return (size - 1 + padding) / 2 + 1; };
  ConvPlan walk{positions(height), positions(width), 1, 2, 1, {}, 2};
  for (int64_t parity = 0; parity < 4; ++parity) {
    Phase phase{{}, parity / 2 - padding, parity % 2 - padding};
    for (int64_t i = 0; i < kTaps; ++i) {
      if (i / 3 % 2 == parity / 2 && i % 3 % 2 == parity % 2)
        phase.taps.push_back({i, i / 3 == 2 ? 0 : 1, i % 3 == 2 ? 0 : 1});
    }
    walk.phases.push_back(phase);
  }
  return walk;
}

}  // namespace

bool amx_supports(const Tensor& x, int64_t in, int64_t out) {
  return x.device().is_cpu() && !gpu::emulated() && x.scalar_type() == torch::kBFloat16 && in % kDepth == 0 &&
         out % kDepth == 0 && permitted();
}

Tensor amx_conv2d(const Tensor& x, const Tensor& w, int64_t stride, int64_t padding, const Tensor& in_scale,
                  const std::optional<EpilogueParams>& step) {
  const auto positions = [&](int64_t size) { return (size + 2 * padding - 3) / stride + 1; };
  const int64_t height = positions(x.size(2)), width = positions(x.size(3));
  const ConvPlan walk = forward_walk(height, width, stride, padding);
  const Tensor packed = FrozenWeights::derived(w, "amx", [&] { return pack(w, walk, /*adjoint=*/false); });
  return run(walk, x, packed, in_scale, w.size(0), height, width, step);
}

Tensor amx_input_gradient(const Tensor& g, const Tensor& w, int64_t height, int64_t width, int64_t stride,
                          int64_t padding, const Tensor& g_scale) {
  const ConvPlan walk = backward_walk(height, width, stride, padding);
  const char* kind = stride == 1 ? "amx backward" : "amx backward by parity";
  const Tensor packed = FrozenWeights::derived(w, kind, [&] { return pack(w, walk, /*adjoint=*/true); });
  return run(walk, g, packed, g_scale, w.size(1), height, width);
}

}  // namespace dgl::ops

#else

namespace dgl::ops {

bool amx_supports(const torch::Tensor&, int64_t, int64_t) { return false; }

torch::Tensor amx_conv2d(const torch::Tensor&, const torch::Tensor&, int64_t, int64_t, const torch::Tensor&,
                         const std::optional<EpilogueParams>&) {
  TORCH_CHECK(false, "compiled for a processor without AMX");
}
torch::Tensor amx_input_gradient(const torch::Tensor&, const torch::Tensor&, int64_t, int64_t, int64_t, int64_t,
                                 const torch::Tensor&) {
  TORCH_CHECK(false, "compiled for a processor without AMX");
}
torch::Tensor amx_weight_gradient(const torch::Tensor&, const torch::Tensor&, int64_t, int64_t, const torch::Tensor&,
                                  const torch::Tensor&) {
  TORCH_CHECK(false, "compiled for a processor without AMX");
}

}  // namespace dgl::ops

#endif
