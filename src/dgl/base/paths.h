#pragma once

#include <filesystem>
#include <string>

namespace dgl {

/// `path` as an absolute one; an empty one stays empty.
std::string absolute_path(const std::string& path);

/// The last part of `path`.
std::string file_name(const std::string& path);

/// `path` as it stands, or beside the file `origin` that names it, or beside that file's folder (recipes and studies
/// name files of the project's root): the first that exists, or `path` itself.
std::string find_beside(const std::string& path, const std::filesystem::path& origin);

}  // namespace dgl
