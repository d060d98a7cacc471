// Zero insertion, padding and filtering with a stride, in both directions at once. `taps` are in the order in which
// they meet the samples of a line. `added` is added unless it is null.

// Short filters, by most of which a network resamples. A thread takes a column of kRows results, for which it filters
// each row of samples once: it would read and weigh all of a result's samples again for the next result otherwise.
constexpr int kRows = 8;

// Result UP * q + phase is the sum over j of taps[phase][j] times sample DOWN * q + first + j.
struct Window {
  float taps[2][4];
  int first, size, out_size;
};

template <int UP, int DOWN, int TAPS>
__device__ inline void slide(const Element* x, const Element* added, Element* y, const Window& rows,
                             const Window& columns, int images, int channels) {
  const int groups = channels / (CHANNELS_LAST ? WIDTH : 1), runs = (rows.out_size + kRows - 1) / kRows;
  const int pixels = rows.size * columns.size, out_pixels = rows.out_size * columns.out_size;
  for_each_pack(images, runs * columns.out_size * groups, [&](int image, int i) {
    int group, column, run;
    if (CHANNELS_LAST) {
      column = i / groups;
      group = i - column * groups;
      run = column / columns.out_size;
      column -= run * columns.out_size;
    } else {
      run = i / columns.out_size;
      column = i - run * columns.out_size;
      group = run / runs;
      run -= group * runs;
    }
    const int left = column / UP * DOWN + columns.first, top = run * kRows / UP * DOWN + rows.first;
    float across[TAPS];
#pragma unroll
    for (int j = 0; j < TAPS; ++j) {
      const bool inside = left + j >= 0 && left + j < columns.size;
      across[j] = !inside ? 0 : UP == 2 && column % 2 == 1 ? columns.taps[1][j] : columns.taps[0][j];
    }
    const auto filtered = [&](int row) {
      Values sum = zeros();
      if (row < 0 || row >= rows.size) return sum;
#pragma unroll
      for (int j = 0; j < TAPS; ++j) {
        if (across[j] == 0) continue;
        const Values v = load(x, index_of(image, group, row * columns.size + left + j, groups, pixels));
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) sum.v[k] += across[j] * v.v[k];
      }
      return sum;
    };
    Values lines[TAPS];
#pragma unroll
    for (int j = 0; j < TAPS - DOWN; ++j) lines[j] = filtered(top + j);
#pragma unroll 4
    for (int q = 0; q < kRows / UP; ++q) {
#pragma unroll
      for (int j = TAPS - DOWN; j < TAPS; ++j) lines[j] = filtered(top + q * DOWN + j);
#pragma unroll
      for (int phase = 0; phase < UP; ++phase) {
        const int row = run * kRows + q * UP + phase;
        if (row < rows.out_size) {
          const int at = index_of(image, group, row * columns.out_size + column, groups, out_pixels);
          Values sum = added ? load(added, at) : zeros();
#pragma unroll
          for (int j = 0; j < TAPS; ++j) {
#pragma unroll
            for (int k = 0; k < WIDTH; ++k) sum.v[k] += rows.taps[phase][j] * lines[j].v[k];
          }
          store(y, at, sum);
        }
      }
#pragma unroll
      for (int j = 0; j < TAPS - DOWN; ++j) lines[j] = lines[j + DOWN];
    }
  });
}

KERNEL(upfirdn2d_same)
(const Element* x, const Element* added, Element* y, Window rows, Window columns, int images, int channels) {
  slide<1, 1, 4>(x, added, y, rows, columns, images, channels);
}

KERNEL(upfirdn2d_up)
(const Element* x, const Element* added, Element* y, Window rows, Window columns, int images, int channels) {
  slide<2, 1, 3>(x, added, y, rows, columns, images, channels);
}

KERNEL(upfirdn2d_down)
(const Element* x, const Element* added, Element* y, Window rows, Window columns, int images, int channels) {
  slide<1, 2, 4>(x, added, y, rows, columns, images, channels);
}

// Any other filter, one result after the other.

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
