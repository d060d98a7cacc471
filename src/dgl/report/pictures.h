#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A PNG file, read to be put into a page.
struct Picture {
  std::string file;  ///< the file's bytes
  uint32_t width = 0, height = 0;
};

/// A grid of samples that was drawn at `kimg`, in samples/.
struct SampleFile {
  double kimg;
  std::filesystem::path path;
};

/// Reads a PNG; nothing where there is no such file. Error if it is not a PNG or longer than 64 MiB.
std::optional<Picture> read_picture(const std::filesystem::path& path);

/// samples/NNN.png of a run, oldest first: at most `most` of them, evenly spread, with the first and the last, and
/// fewer where they are longer than `max_bytes` together.
std::vector<SampleFile> choose_samples(const std::filesystem::path& run, size_t most, uint64_t max_bytes);

/// <img> with the picture in it; small pictures are shown with sharp pixels.
std::string image_element(const Picture& picture, const std::string& alt, const std::string& attributes = "");

}  // namespace dgl
