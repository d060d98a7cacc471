#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A PNG file to embed in a page.
struct Picture {
  std::string file;  ///< the file's bytes
  uint32_t width = 0, height = 0;
};

/// A grid in samples/ that was drawn at `kimg`.
struct SampleFile {
  double kimg;
  std::filesystem::path path;
};

/// Reads a PNG. Returns nothing if the file does not exist. Throws Error if it is not a PNG or is larger than 64 MiB.
std::optional<Picture> read_picture(const std::filesystem::path& path);

/// Returns samples/NNN.png of a run, oldest first: at most `most`, evenly spaced, including the first and the last.
/// Returns fewer if their total size could exceed `max_bytes`.
std::vector<SampleFile> choose_samples(const std::filesystem::path& run, size_t most, uint64_t max_bytes);

/// Returns an <img> element that contains the picture. Small pictures are shown with sharp pixels.
std::string image_element(const Picture& picture, const std::string& alt, const std::string& attributes = "");

}  // namespace dgl
