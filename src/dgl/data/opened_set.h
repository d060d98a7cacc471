#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "dgl/data/dataset.h"

namespace dgl {

/// Opens images to be read once: a packed set, or anything that `dgl prepare` packs, such as a folder of images, which
/// is then packed without resizing into a temporary file that is gone when the set is. `channels` are those wanted of
/// what is packed; 0: gray if all images are. `note` receives what was left out or changed.
std::unique_ptr<Dataset> open_set(const std::filesystem::path& path, int64_t channels,
                                  const std::function<void(const std::string&)>& note);

/// Whether open_set() would read a file as it is.
bool is_packed_set(const std::filesystem::path& path);

}  // namespace dgl
