#include "dgl/ops/amx.h"

#ifdef DGL_AMX

#include <ATen/Parallel.h>
#include <array>
#include <cstdint>
#include <vector>

#include "dgl/base/parallel.h"
#include "dgl/base/torch.h"
#include "dgl/ops/amx_tiles.h"

namespace dgl::ops {

namespace {

using torch::Tensor;

constexpr int64_t kPixels = 1024;  // pixels at a time, which fit the second-level cache

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// The layout of a block's pixels in one sequence. Each row of outputs has `beyond` more pixels after it, and each
/// image `beyond` more rows, since the kernel reaches past the outputs. The data has one plane for each parity
/// (ops/amx_tiles.h), or a single plane with stride 1.
struct Flat {
  Flat(int64_t stride, int64_t width, int64_t rows, int64_t images)
      : stride(stride),
        beyond(2 / stride),
        width(width),
        pitch(width + beyond),
        rows(rows),
        images(images),
        length(round_up(images * (rows + beyond) * pitch, kDepth)),
        // Channels are an odd number of cache lines apart. If it were a power of two, they would share a set of the
        // cache.
        channel(round_up(length + beyond * (pitch + 1), 2 * kDepth) + kDepth) {}
  int64_t stride, beyond, width, pitch, rows, images, length, channel;
};

/// Returns 32 channels of a pixel, multiplied by `scale` if it is given.
Halves scaled(const Number* pixel, const float* scale) {
  if (!scale) return read<Halves>(pixel);
  std::array<Number, kDepth> numbers;
  for (int64_t c = 0; c < kDepth; c += kVecSize) store(numbers.data() + c, load(pixel + c) * load(scale + c));
  return read<Halves>(numbers.data());
}

/// A pixel and its image's scales. A null pixel consists of zeros.
struct Pixel {
  const Number* numbers = nullptr;
  const float* scale = nullptr;
  Halves at(int64_t c) const { return numbers ? scaled(numbers + c, scale ? scale + c : nullptr) : Halves{}; }
};

/// Images as the weight gradient reads them.
struct Images {
  Images(const Tensor& t, const Tensor& scale)
      : numbers(t.data_ptr<Number>()),
        scales(pointer(scale)),
        channels(t.size(1)),
        height(t.size(2)),
        width(t.size(3)) {}
  Pixel pixel(int64_t image, int64_t row, int64_t column) const {
    if (row < 0 || row >= height || column < 0 || column >= width) return {};
    return {numbers + ((image * height + row) * width + column) * channels,
            scales ? scales + image * channels : nullptr};
  }
  const Number* numbers;
  const float* scales;
  int64_t channels, height, width;
};

/// Writes the gradients of a block's outputs in pairs of pixels: [length / 2][O][2].
void place_gradients(const Images& g, const Flat& flat, int64_t image, int64_t top, std::vector<Pixel>& pixels,
                     Number* to) {
  pixels.assign(static_cast<size_t>(flat.length), {});
  for (int64_t i = 0; i < flat.images; ++i) {
    for (int64_t r = 0; r < flat.rows; ++r) {
      Pixel* row = pixels.data() + (i * (flat.rows + flat.beyond) + r) * flat.pitch;
      for (int64_t c = 0; c < flat.width; ++c) row[c] = g.pixel(image + i, top + r, c);
    }
  }
  for (size_t p = 0; p < pixels.size(); p += 2) {
    for (int64_t o = 0; o < g.channels; o += kDepth, to += 2 * kDepth) {
      const Pairs pairs = interleave(pixels[p].at(o), pixels[p + 1].at(o));
      write(to, pairs.low);
      write(to + kDepth, pairs.high);
    }
  }
}

/// Writes the data of a block by channel: [stride][stride][C][channel].
void place_data(const Images& x, const Flat& flat, int64_t padding, int64_t image, int64_t top,
                std::vector<Pixel>& pixels, Number* to) {
  for (int64_t plane = 0; plane < flat.stride * flat.stride; ++plane, to += x.channels * flat.channel) {
    pixels.assign(static_cast<size_t>(flat.channel), {});
    for (int64_t i = 0; i < flat.images; ++i) {
      for (int64_t r = 0; r < flat.rows + flat.beyond; ++r) {
        Pixel* row = pixels.data() + (i * (flat.rows + flat.beyond) + r) * flat.pitch;
        const int64_t from = (top + r) * flat.stride - padding + plane / flat.stride;
        for (int64_t c = 0; c < flat.pitch; ++c)
          row[c] = x.pixel(image + i, from, c * flat.stride - padding + plane % flat.stride);
      }
    }
    for (int64_t p = 0; p < flat.channel; p += kDepth) {
      for (int64_t c = 0; c < x.channels; c += kDepth) {
        Words low[kTile], high[kTile];
        for (int64_t j = 0; j < kTile; ++j) {
          const Pixel* two = pixels.data() + p + 2 * j;
          const Pairs pairs = interleave(two[0].at(c), two[1].at(c));
          low[j] = reinterpret_cast<Words>(pairs.low);
          high[j] = reinterpret_cast<Words>(pairs.high);
        }
        transpose(low);
        transpose(high);
        for (int64_t j = 0; j < kTile; ++j) {
          write(to + (c + j) * flat.channel + p, low[j]);
          write(to + (c + kTile + j) * flat.channel + p, high[j]);
        }
      }
    }
  }
}

/// Computes sums [32][32] = a . b over `length` pixels, or adds that to `sums` if `add`. `a` is ordered by channel, `b`
/// in pairs of pixels.
void sum_products(const Number* a, int64_t channel, const Number* b, int64_t out, int64_t length, bool add,
                  float* sums) {
  const int64_t a_row = channel * static_cast<int64_t>(sizeof(Number)), row = out * static_cast<int64_t>(sizeof(float));
  if (add) {
    load_sums(sums, row);
  } else {
    clear_sums();
  }
  for (int64_t k = 0; k < length; k += kDepth) {
    add_products(a + k, a + kTile * channel + k, a_row, b + k * out, b + k * out + kDepth, row);
  }
  store_sums(sums, row);
}

}  // namespace

Tensor amx_weight_gradient(const Tensor& x_any, const Tensor& g_any, int64_t stride, int64_t padding,
                           const Tensor& x_scale_any, const Tensor& g_scale_any) {
  const Tensor x = working_layout(x_any), g = working_layout(g_any), x_scale = contiguous_or_undefined(x_scale_any),
               g_scale = contiguous_or_undefined(g_scale_any);
  const Images data(x, x_scale), gradients(g, g_scale);
  const int64_t images = x.size(0), in = data.channels, out = gradients.channels;
  const Flat one(stride, gradients.width, 1, 1);
  const CacheBlocks blocks(images, gradients.height, kPixels / ((gradients.height + one.beyond) * one.pitch),
                           kPixels / one.pitch - one.beyond);
  const Flat largest(stride, gradients.width, blocks.rows_at_once, blocks.images_at_once);

  // Each share of the blocks has its own sums. They are added in order, so that every run gives the same result.
  const int64_t shares = std::min<int64_t>(blocks.count, at::get_num_threads());
  Tensor sums =
      at::empty({shares, kTaps, in, out}, x.options().dtype(torch::kFloat).memory_format(at::MemoryFormat::Contiguous));
  float* to = sums.data_ptr<float>();
  parallel_for(0, shares, 1, [&](int64_t first_share, int64_t last_share) {
    const Tiles tiles;
    const Scratch planes(stride * stride * in * largest.channel);
    const Scratch pairs(largest.length * out);
    std::vector<Pixel> pixels;
    for (int64_t share = first_share; share < last_share; ++share) {
      const int64_t first = share * blocks.count / shares, last = (share + 1) * blocks.count / shares;
      for (int64_t i = first; i < last; ++i) {
        const auto [image, here, top, rows] = blocks[i];
        const Flat flat(stride, gradients.width, rows, here);
        place_data(data, flat, padding, image, top, pixels, planes.get());
        place_gradients(gradients, flat, image, top, pixels, pairs.get());
        Tiles::settle();
        for (int64_t c = 0; c < in; c += kPair) {
          for (int64_t o = 0; o < out; o += kPair) {
            for (int64_t tap = 0; tap < kTaps; ++tap) {
              const int64_t y = tap / 3, z = tap % 3, plane = y % stride * stride + z % stride;
              const Number* a = planes.get() + (plane * in + c) * flat.channel + y / stride * flat.pitch + z / stride;
              sum_products(a, flat.channel, pairs.get() + 2 * o, out, flat.length, i > first,
                           to + ((share * kTaps + tap) * in + c) * out + o);
            }
          }
        }
        Tiles::settle();
      }
    }
  });
  const Tensor sum = shares == 1 ? sums[0] : sums.sum(0);
  return weight_of_taps(sum.view({3, 3, in, out}));
}

}  // namespace dgl::ops

#endif
