// What all kernels of this folder share. NVRTC compiles each of them for a GPU at its first use, behind this file and
// definitions of the variant; tests compile them as C++ for a processor (tests/ops/emulated_gpu.h).
//   BFLOAT16       1: maps are of bfloat16, and computed with in float32; 0: of float32
//   CHANNELS_LAST  1: maps lie in memory as [N, H, W, C]; 0: as [N, C, H, W]
//   WIDTH          numbers of a map that a thread takes at a time, which follow each other in memory: a pack
// Indices are of 32 bits, since divisions of 64 bits would take longer than the memory: maps hold less than 2^31
// numbers.

constexpr int kThreads = 256;  // of a block, gpu::kThreads

#if BFLOAT16
typedef unsigned short Element;
#else
typedef float Element;
#endif

__device__ inline float widened(float v) { return v; }
__device__ inline float widened(unsigned short v) { return __uint_as_float((unsigned)v << 16); }

#if BFLOAT16
// To the nearest, ties to even. A number that is none has all bits set on a GPU, which rounding would turn into a zero.
__device__ inline Element narrowed(float v) {
  const unsigned word = __float_as_uint(v);
  return v != v ? 0x7fc0 : (Element)((word + 0x7fff + ((word >> 16) & 1)) >> 16);
}
#else
__device__ inline Element narrowed(float v) { return v; }
#endif

struct alignas(WIDTH * sizeof(Element)) Pack {
  Element v[WIDTH];
};

// The numbers of a pack in float32.
struct Values {
  float v[WIDTH];
};

__device__ inline Values zeros() {
  Values values;
#pragma unroll
  for (int k = 0; k < WIDTH; ++k) values.v[k] = 0;
  return values;
}

__device__ inline Values load(const Element* x, int pack) {
  const Pack p = ((const Pack*)x)[pack];
  Values values;
#pragma unroll
  for (int k = 0; k < WIDTH; ++k) values.v[k] = widened(p.v[k]);
  return values;
}

__device__ inline void store(Element* y, int pack, const Values& values) {
#if BFLOAT16 && WIDTH == 8 && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  // Two at a time by one instruction, which rounds as narrowed() does.
  unsigned words[4];
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(words[k]) : "f"(values.v[2 * k + 1]), "f"(values.v[2 * k]));
  }
  ((uint4*)y)[pack] = make_uint4(words[0], words[1], words[2], words[3]);
#else
  Pack p;
#pragma unroll
  for (int k = 0; k < WIDTH; ++k) p.v[k] = narrowed(values.v[k]);
  ((Pack*)y)[pack] = p;
#endif
}

// Where pack `i` of an image lies: its numbers are of as many channels of a pixel, or of as many pixels of a channel.
struct Place {
  int first_channel, first_pixel;

  __device__ Place(int i, int channels, int pixels) {
    const int number = i * WIDTH;
#if CHANNELS_LAST
    first_pixel = number / channels;
    first_channel = number - first_pixel * channels;
#else
    first_channel = number / pixels;
    first_pixel = number - first_channel * pixels;
#endif
  }
  __device__ int channel(int k) const { return first_channel + (CHANNELS_LAST ? k : 0); }
  __device__ int pixel(int k) const { return first_pixel + (CHANNELS_LAST ? 0 : k); }
};

// The index of a number in maps [N, channels, pixels].
__device__ inline int index_of(int image, int channel, int pixel, int channels, int pixels) {
  return CHANNELS_LAST ? (image * pixels + pixel) * channels + channel : (image * channels + channel) * pixels + pixel;
}

// The numbers at `place` of maps of width `width` that are upsampled from x, by nearest neighbor.
__device__ inline Values load_upsampled(const Element* x, int image, const Place& place, int channels, int pixels,
                                        int width) {
  const auto source = [&](int pixel) { return pixel / width / 2 * (width / 2) + pixel % width / 2; };
#if CHANNELS_LAST
  return load(x, index_of(image, place.first_channel, source(place.first_pixel), channels, pixels / 4) / WIDTH);
#else
  Values values;
#pragma unroll
  for (int k = 0; k < WIDTH; ++k) {
    values.v[k] = widened(x[index_of(image, place.first_channel, source(place.pixel(k)), channels, pixels / 4)]);
  }
  return values;
#endif
}

// The sums of 2 x 2 numbers of x, at `place` of maps of width `width` and of half x's height and width.
__device__ inline Values load_pooled(const Element* x, int image, const Place& place, int channels, int pixels,
                                     int width) {
  Values sum = zeros();
#pragma unroll
  for (int corner = 0; corner < 4; ++corner) {
    const auto source = [&](int pixel) {
      return (pixel / width * 2 + corner / 2) * (2 * width) + pixel % width * 2 + corner % 2;
    };
#if CHANNELS_LAST
    const Values values =
        load(x, index_of(image, place.first_channel, source(place.first_pixel), channels, pixels * 4) / WIDTH);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) sum.v[k] += values.v[k];
#else
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      sum.v[k] += widened(x[index_of(image, place.first_channel, source(place.pixel(k)), channels, pixels * 4)]);
    }
#endif
  }
  return sum;
}

// Calls f(image, i) for the packs of maps that a thread takes: i counts those of the image. Grids are [blocks, images].
template <class F>
__device__ inline void for_each_pack(int images, int packs, const F& f) {
  for (int image = blockIdx.y; image < images; image += gridDim.y) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < packs; i += gridDim.x * blockDim.x) f(image, i);
  }
}

// What a thread takes of a sum over pixels, for each image and channel. A block takes a slice of an image's pixels and
// `tile` groups of channels that lie side by side; grids are [images, slices, tiles]. A group is as many channels as a
// pack holds, or one.
struct Sweep {
  int image, group, groups, tile, row, rows, first, last, units;

  __device__ Sweep(int channels, int pixels, int tile_size) {
    image = blockIdx.x;
    groups = CHANNELS_LAST ? channels / WIDTH : channels;
    units = CHANNELS_LAST ? pixels : pixels / WIDTH;  // packs of a group
    tile = tile_size;
    group = blockIdx.z * tile + threadIdx.x % tile;
    row = threadIdx.x / tile;
    rows = kThreads / tile;
    const int each = (units + gridDim.y - 1) / gridDim.y;
    first = blockIdx.y * each;
    last = first + each < units ? first + each : units;
  }
  // Calls f(pack of the maps, place in the image). The threads of a block do this together or not at all.
  template <class F>
  __device__ void for_each_pack(const F& f) const {
    if (group >= groups) return;
    for (int unit = first + row; unit < last; unit += rows) {
      const int i = CHANNELS_LAST ? unit * groups + group : group * units + unit;
      f(image * units * groups + i, unit * (CHANNELS_LAST ? 1 : WIDTH));
    }
  }
  __device__ int channel(int k) const { return CHANNELS_LAST ? group * WIDTH + k : group; }

  // Adds up what the block's threads have of each channel, in a fixed order, into sums [images, slices, channels]. All
  // threads have to call it.
  __device__ void write(Values values, float* sums, int channels) const {
    __shared__ float shared[kThreads * WIDTH];
    constexpr int kLanes = CHANNELS_LAST ? WIDTH : 1;
    if (!CHANNELS_LAST) {
#pragma unroll
      for (int k = 1; k < WIDTH; ++k) values.v[0] += values.v[k];
    }
#pragma unroll
    for (int k = 0; k < kLanes; ++k) shared[k * kThreads + threadIdx.x] = values.v[k];
    __syncthreads();
    for (int half = rows / 2; half > 0; half /= 2) {
      if (row < half) {
#pragma unroll
        for (int k = 0; k < kLanes; ++k) {
          shared[k * kThreads + threadIdx.x] += shared[k * kThreads + threadIdx.x + half * tile];
        }
      }
      __syncthreads();
    }
    if (row == 0 && group < groups) {
#pragma unroll
      for (int k = 0; k < kLanes; ++k) {
        sums[(image * gridDim.y + blockIdx.y) * channels + channel(k)] = shared[k * kThreads + threadIdx.x];
      }
    }
    __syncthreads();
  }
};
