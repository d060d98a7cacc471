// Normalization: act(a (x - mean) + b) with a, b and mean of each image and channel, and its gradient. Batch and group
// norms differ in what their statistics are of. The step between the numbers of two images is 0 if they share them.

constexpr int kNone = 0, kRelu = 1, kSilu = 2;  // gpu::Curve

// The map of one channel of an image.
struct Affine {
  const float *mean, *a, *b;
  int mean_step, a_step, b_step;
};

__device__ inline float curve(int activation, float t) {
  if (activation == kRelu) return t < 0 ? 0 : t;  // a number that is none passes
  if (activation == kSilu) return t / (1 + expf(-t));
  return t;
}

__device__ inline float slope(int activation, float t) {
  if (activation == kRelu) return t > 0 ? 1 : 0;
  if (activation == kSilu) {
    const float s = 1 / (1 + expf(-t));
    return s + s * t * (1 - s);
  }
  return 1;
}

// The sums over pixels of x - origin[n, c] and of its square: differences to a pixel of the image, so that a mean far
// from 0 costs no precision.
KERNEL(norm_statistics)
(const Element* x, const float* origin, int origin_step, float* sums, float* squares, int channels, int pixels,
 int tile) {
  const Sweep sweep(channels, pixels, tile);
  Values sum = zeros(), square = zeros();
  sweep.for_each_pack([&](int pack, int) {
    const Values v = load(x, pack);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const float d = v.v[k] - origin[sweep.image * origin_step + sweep.channel(k)];
      sum.v[k] += d;
      square.v[k] += d * d;
    }
  });
  sweep.write(sum, sums, channels);
  sweep.write(square, squares, channels);
}

// y of `pixels` pixels in rows of `width`; of twice x's height and width if `upsample`.
KERNEL(norm_apply)
(const Element* x, Affine map, Element* y, int images, int channels, int pixels, int width, int upsample,
 int activation) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values v = upsample ? load_upsampled(x, image, place, channels, pixels, width) : load(x, image * packs + i);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int c = place.channel(k);
      v.v[k] = curve(activation, (v.v[k] - map.mean[image * map.mean_step + c]) * map.a[image * map.a_step + c] +
                                     map.b[image * map.b_step + c]);
    }
    store(y, image * packs + i, v);
  });
}

// The sums over pixels of dt and of dt (x - mean), with dt = dy (of an upsampled one, the sum of its four) times the
// activation's slope. Pixels are x's.
KERNEL(norm_gradient_sums)
(const Element* dy, const Element* x, Affine map, float* sums, float* dots, int channels, int pixels, int width,
 int upsample, int activation, int tile) {
  const Sweep sweep(channels, pixels, tile);
  Values sum = zeros(), dot = zeros();
  sweep.for_each_pack([&](int pack, int) {
    const Values v = load(x, pack);
    const Place place(pack - sweep.image * sweep.units * sweep.groups, channels, pixels);
    const Values d = upsample ? load_pooled(dy, sweep.image, place, channels, pixels, width) : load(dy, pack);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int c = sweep.channel(k);
      const float centered = v.v[k] - map.mean[sweep.image * map.mean_step + c];
      const float t = centered * map.a[sweep.image * map.a_step + c] + map.b[sweep.image * map.b_step + c];
      const float dt = d.v[k] * slope(activation, t);
      sum.v[k] += dt;
      dot.v[k] += dt * centered;
    }
  });
  sweep.write(sum, sums, channels);
  sweep.write(dot, dots, channels);
}

// dx = a dt + p (x - mean) + q
KERNEL(norm_input_gradient)
(const Element* dy, const Element* x, Affine map, const float* p, const float* q, int p_step, Element* dx, int images,
 int channels, int pixels, int width, int upsample, int activation) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values v = load(x, image * packs + i);
    const Values d = upsample ? load_pooled(dy, image, place, channels, pixels, width) : load(dy, image * packs + i);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int c = place.channel(k);
      const float centered = v.v[k] - map.mean[image * map.mean_step + c], a = map.a[image * map.a_step + c];
      const float dt = d.v[k] * slope(activation, centered * a + map.b[image * map.b_step + c]);
      v.v[k] = dt * a + centered * p[image * p_step + c] + q[image * p_step + c];
    }
    store(dx, image * packs + i, v);
  });
}
