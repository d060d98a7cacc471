#pragma once

#include <filesystem>
#include <string>

namespace dgl {

/// Returns `path` as an absolute path. An empty path stays empty.
std::string absolute_path(const std::string& path);

/// Returns the last component of `path`.
std::string file_name(const std::string& path);

/// Finds a file that the file `origin` refers to as `path`. Tries `path` itself, then relative to the folder of
/// `origin`, then relative to that folder's parent. Recipes and studies name files relative to the project's root,
/// which is the parent of their folder. Returns the first that exists, or `path` if none does.
std::string find_beside(const std::string& path, const std::filesystem::path& origin);

}  // namespace dgl
