#include <algorithm>
#include <cmath>

#include "dgl/base/torch.h"
#include "dgl/ops/common.h"
#include "dgl/ops/gpu/kernels.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl::ops::gpu {

using torch::Tensor;

namespace {

constexpr size_t kMaxTapsAtOnce = 8;  // for both directions; longer filters take less time as one after the other

/// The sources' Line: how one direction is resampled.
struct Line {
  float taps[16];
  int count, up, down, pad;
  int size, out_size;
};

/// Leaves a line as it is.
Line unchanged(int size) {
  return {.taps = {1}, .count = 1, .up = 1, .down = 1, .pad = 0, .size = size, .out_size = size};
}

Line resampled(const Resample& r, int size) {
  const auto count = static_cast<int>(r.taps.size());
  Line line{.taps = {},
            .count = count,
            .up = static_cast<int>(r.up),
            .down = static_cast<int>(r.down),
            .pad = static_cast<int>(r.pad0),
            .size = size,
            .out_size = 0};
  // A true convolution reverses the taps. The two directions share the gain.
  for (int k = 0; k < count; ++k) {
    line.taps[k] = static_cast<float>(r.taps[static_cast<size_t>(count - 1 - k)] * std::sqrt(r.gain));
  }
  line.out_size = (size * line.up + line.pad + static_cast<int>(r.pad1) - count) / line.down + 1;
  return line;
}

constexpr int kWindowTaps = 4, kWindowRows = 8;  ///< of a Window and a thread (the sources' kRows)

/// The sources' Window: the same for few taps, as sums for the result's even and odd positions.
struct Window {
  float taps[2][kWindowTaps];
  int first, size, out_size;
};

bool fits_window(const Line& line) { return line.count <= kWindowTaps && line.up * line.down <= 2; }

Window window_of(const Line& line) {
  Window window{.taps = {}, .first = -line.pad, .size = line.size, .out_size = line.out_size};
  if (line.up == 1) {
    std::copy_n(line.taps, line.count, window.taps[0]);
    return window;
  }
  // The first tap that meets a sample, not an inserted zero, and which sample that is for results 0 and 1.
  int tap[2], sample[2];
  for (int phase = 0; phase < 2; ++phase) {
    tap[phase] = std::abs(phase - line.pad) % 2;
    sample[phase] = (phase - line.pad + tap[phase]) / 2;
  }
  window.first = std::min(sample[0], sample[1]);
  for (int phase = 0; phase < 2; ++phase) {
    for (int k = tap[phase], j = sample[phase] - window.first; k < line.count; k += 2, ++j) {
      window.taps[phase][j] = line.taps[k];
    }
  }
  return window;
}

Tensor filter(const Tensor& x, const Line& rows, const Line& columns, const Tensor& added_any) {
  const Tensor y =
      at::empty({x.size(0), x.size(1), rows.out_size, columns.out_size}, x.options().memory_format(working_format(x)));
  const Maps maps(y);
  const Tensor added = added_any.defined() ? working_layout(added_any) : added_any;
  void* more = added.defined() ? added.data_ptr() : nullptr;
  Variant variant = maps.variant({x.data_ptr(), more, y.data_ptr()});
  // Of contiguous maps the samples of neighbors do not lie together: threads beside each other read them.
  if (!maps.channels_last) variant.width = 1;
  if (fits_window(rows) && fits_window(columns) && rows.up == columns.up && rows.down == columns.down) {
    const char* kernel = rows.up == 2 ? "upfirdn2d_up" : rows.down == 2 ? "upfirdn2d_down" : "upfirdn2d_same";
    Maps threads = maps;
    threads.pixels = (rows.out_size + kWindowRows - 1) / kWindowRows * columns.out_size;
    run(threads.packs("upfirdn2d", kernel, variant, x), x.data_ptr(), more, y.data_ptr(), window_of(rows),
        window_of(columns), maps.images, maps.channels);
    return y;
  }
  run(maps.packs("upfirdn2d", "upfirdn2d", variant, x), x.data_ptr(), more, y.data_ptr(), rows, columns, maps.images,
      maps.channels);
  return y;
}

}  // namespace

Tensor upfirdn2d(const Tensor& x_any, const Resample& r, const Tensor& added) {
  const Tensor x = working_layout(x_any);
  const Line rows = resampled(r, static_cast<int>(x.size(2))), columns = resampled(r, static_cast<int>(x.size(3)));
  if (r.taps.size() <= kMaxTapsAtOnce) return filter(x, rows, columns, added);
  return filter(filter(x, rows, unchanged(columns.size), {}), unchanged(rows.out_size), columns, added);
}

}  // namespace dgl::ops::gpu
