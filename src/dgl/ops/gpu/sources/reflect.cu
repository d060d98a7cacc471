// Maps with their edges mirrored, and the adjoint of that.

__device__ inline int mirrored(int i, int size) { return i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i; }

// y, `edge` pixels wider on each side than x of height x width
KERNEL(reflect)(const Element* x, Element* y, int images, int channels, int height, int width, int edge) {
  const int pixels = height * width, out_width = width + 2 * edge, out_pixels = (height + 2 * edge) * out_width;
  const int packs = channels * out_pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, out_pixels);
    Pack out;
#if CHANNELS_LAST
    const int p = place.first_pixel,
              source = mirrored(p / out_width - edge, height) * width + mirrored(p % out_width - edge, width);
    out = ((const Pack*)x)[index_of(image, place.first_channel, source, channels, pixels) / WIDTH];
#else
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int p = place.pixel(k),
                source = mirrored(p / out_width - edge, height) * width + mirrored(p % out_width - edge, width);
      out.v[k] = x[index_of(image, place.first_channel, source, channels, pixels)];
    }
#endif
    ((Pack*)y)[image * packs + i] = out;
  });
}

// Calls f(place of a padded line) for those that show place i of the line.
template <class F>
__device__ inline void for_each_shown(int i, int size, int edge, const F& f) {
  f(i + edge);
  if (i >= 1 && i <= edge) f(edge - i);
  if (i <= size - 2 && i >= size - 1 - edge) f(2 * (size - 1) - i + edge);
}

// y of height x width: of each of its pixels, the sum of those of g that show it
KERNEL(fold)(const Element* g, Element* y, int images, int channels, int height, int width, int edge) {
  const int pixels = height * width, in_width = width + 2 * edge, in_pixels = (height + 2 * edge) * in_width;
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values sum = zeros();
#if CHANNELS_LAST
    for_each_shown(place.first_pixel / width, height, edge, [&](int row) {
      for_each_shown(place.first_pixel % width, width, edge, [&](int column) {
        const int source = row * in_width + column;
        const Values v = load(g, index_of(image, place.first_channel, source, channels, in_pixels) / WIDTH);
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) sum.v[k] += v.v[k];
      });
    });
#else
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      for_each_shown(place.pixel(k) / width, height, edge, [&](int row) {
        for_each_shown(place.pixel(k) % width, width, edge, [&](int column) {
          const int source = row * in_width + column;
          sum.v[k] += widened(g[index_of(image, place.first_channel, source, channels, in_pixels)]);
        });
      });
    }
#endif
    store(y, image * packs + i, sum);
  });
}
