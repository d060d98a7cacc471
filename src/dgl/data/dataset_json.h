#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dgl {

/// Name of the file of labels that NVIDIA's dataset_tool.py puts beside the images' numbered folders.
constexpr const char* kDatasetJson = "dataset.json";

/// Returns the labels of images from the text of dataset.json: {"labels": [["00000/img00000000.png", 3], …]}. `images`
/// are paths from the folder of the file. Throws Error, naming `origin`, if the file has no labels, an image has none
/// or two, a label has no image, or one is no whole number from 0 to 65535.
std::vector<int32_t> read_dataset_json(std::string_view text, const std::string& origin,
                                       const std::vector<std::filesystem::path>& images);

}  // namespace dgl
