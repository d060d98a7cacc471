#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "dgl/data/packed.h"
#include "temporary_folder.h"

namespace dgl::test {

/// A packed set of `count` images [channels, 16, 16]: noise under a bright bar that lies across (label 0) or stands
/// (label 1); the labels come in turns of five.
inline fs::path make_bars(const TemporaryFolder& folder, const std::string& name, int64_t count, int64_t channels = 1,
                          bool labels = true) {
  DatasetInfo info;
  info.count = count;
  info.resolution = 16;
  info.channels = channels;
  if (labels) info.classes = {"across", "upright"};
  PackedWriter writer(folder / name, info);
  uint32_t state = 1;
  const auto random = [&] { return static_cast<int>((state = state * 1664525 + 1013904223) >> 16); };
  for (int64_t i = 0; i < count; ++i) {
    const bool upright = i / 5 % 2 == 1;
    const int at = 5 + random() % 6;
    std::vector<uint8_t> pixels;
    for (int64_t k = 0; k < channels * 256; ++k) {
      const int y = static_cast<int>(k % 256) / 16, x = static_cast<int>(k % 16), along = upright ? y : x;
      const bool bar = std::abs((upright ? x : y) - at) <= 1 && along >= 3 && along < 13;
      pixels.push_back(static_cast<uint8_t>(random() % 60 + (bar ? 180 : 0)));
    }
    writer.add(pixels.data(), upright ? 1 : 0);
  }
  writer.finish();
  return folder / name;
}

}  // namespace dgl::test
