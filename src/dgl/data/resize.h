#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/data/source.h"

namespace dgl {

/// Crops an image to its largest centered square.
SourceImage center_crop(const SourceImage& image);

/// Pads an image with zeros evenly to `size` x `size`.
SourceImage pad_to(const SourceImage& image, int64_t size);

/// A filter that brings images to another size: means over boxes, bicubic (a = -0.5) or Lanczos (a = 3).
enum class ResizeFilter { box, bicubic, lanczos };

/// Returns the filter called "box", "bicubic" or "lanczos". Throws Error that names `key` for another name.
ResizeFilter parse_resize_filter(const std::string& name, const std::string& key);
/// Returns how a packed set's header calls a filter (docs/formats.md).
std::string resize_filter_words(ResizeFilter filter);

/// Resizes to `size` x `size` with an antialiased filter, whose kernel widens when the image shrinks. The result equals
/// Pillow's Image.resize with BOX, BICUBIC or LANCZOS byte for byte: weights in 22-bit fixed point, rows first, each
/// pass rounded to uint8.
SourceImage resize(const SourceImage& image, int64_t size, ResizeFilter filter = ResizeFilter::lanczos);

/// The same without rounding: float32 [size, size, channels], which a filter with negative weights takes a little below
/// 0 or above 255. Equal to Pillow's resize of single channels in its mode F, as clean-fid (Parmar et al. 2022, arXiv
/// 2104.11222) does, up to the last digits.
std::vector<float> resize_exactly(const SourceImage& image, int64_t size, ResizeFilter filter);

/// Converts an image to gray (ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, rounded as in Pillow) or to RGB (three equal
/// channels).
SourceImage with_channels(const SourceImage& image, int64_t channels);

}  // namespace dgl
