#include "dgl/base/paths.h"

namespace dgl {

namespace fs = std::filesystem;

std::string absolute_path(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

std::string file_name(const std::string& path) { return fs::path(path).filename().string(); }

std::string find_beside(const std::string& path, const fs::path& origin) {
  if (path.empty() || fs::exists(path)) return path;
  const fs::path folder = fs::absolute(origin.empty() ? fs::path(".") : origin).parent_path();
  for (const fs::path& base : {folder, folder.parent_path()}) {
    if (fs::exists(base / path)) return (base / path).string();
  }
  return path;
}

}  // namespace dgl
