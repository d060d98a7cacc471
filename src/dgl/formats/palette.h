#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dgl {

/// A color of a palette.
struct PaletteColor {
  uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const PaletteColor&) const = default;
};

/// Chooses at most `most` (1 … 256) colors for `count` pixels, three bytes each: red, green, blue. If the pixels have
/// no more colors than that, returns exactly these, sorted. Else the colors are divided by median cut (Heckbert 1982,
/// doi 10.1145/965145.801294): the box whose colors differ most along one channel is cut at the median of that channel
/// until there are enough boxes. The mean colors of the boxes are then refined by a few steps of k-means. The result is
/// a function of the pixels alone.
std::vector<PaletteColor> choose_palette(const uint8_t* rgb, size_t count, size_t most = 256);

/// Returns for each pixel of a picture [height, width, 3] the index of the palette's nearest color by squared
/// difference. With `dither`, the difference of each pixel is passed on to its neighbors (Floyd and Steinberg 1976), in
/// rows that alternate in direction, which replaces visible steps by noise. `palette` has 1 … 256 colors.
std::vector<uint8_t> map_to_palette(const uint8_t* rgb, int64_t height, int64_t width,
                                    const std::vector<PaletteColor>& palette, bool dither);

}  // namespace dgl
