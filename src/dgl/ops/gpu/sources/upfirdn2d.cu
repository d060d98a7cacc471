// Zero insertion, padding and filtering with a stride, in both directions at once. `taps` are in the order in which
// they meet the samples of a line. `added` is added unless it is null.

struct Line {
  float taps[16];
  int count, up, down, pad;
  int size, out_size;
};

// Calls f(index of a sample, weight) for the samples that position `at` of the result meets.
template <class F>
__device__ inline void for_each_hit(const Line& line, int at, const F& f) {
  const int start = at * line.down - line.pad;
  // The first tap that meets a sample, not an inserted zero.
  int k = start >= 0 ? (line.up - start % line.up) % line.up : -start;
  for (; k < line.count; k += line.up) {
    const int index = (start + k) / line.up;
    if (index >= line.size) return;
    f(index, line.taps[k]);
  }
}

KERNEL(upfirdn2d)
(const Element* x, const Element* added, Element* y, Line rows, Line columns, int images, int channels) {
  const int pixels = rows.size * columns.size, out_pixels = rows.out_size * columns.out_size;
  const int packs = channels * out_pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, out_pixels);
    Values sum = added ? load(added, image * packs + i) : zeros();
#if CHANNELS_LAST
    const int row = place.first_pixel / columns.out_size, column = place.first_pixel - row * columns.out_size;
    for_each_hit(rows, row, [&](int r, float f) {
      for_each_hit(columns, column, [&](int c, float g) {
        const Values v = load(x, index_of(image, place.first_channel, r * columns.size + c, channels, pixels) / WIDTH);
        const float weight = f * g;
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) sum.v[k] += weight * v.v[k];
      });
    });
#else
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int row = place.pixel(k) / columns.out_size, column = place.pixel(k) - row * columns.out_size;
      for_each_hit(rows, row, [&](int r, float f) {
        for_each_hit(columns, column, [&](int c, float g) {
          sum.v[k] += f * g *
                      widened(x[index_of(image, place.first_channel, r * columns.size + c, channels, pixels)]);
        });
      });
    }
#endif
    store(y, image * packs + i, sum);
  });
}
