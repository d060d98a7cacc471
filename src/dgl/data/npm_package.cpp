#include "dgl/data/npm_package.h"

#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/formats/gzip.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxPackageBytes = uint64_t{1} << 28;
constexpr const char* kRoot = "package/";  // the folder in npm archives that holds all files

}  // namespace

NpmPackage::NpmPackage(const fs::path& path) : path_(path) {
  const std::string name = path.filename().string();
  archive_ = fs::is_regular_file(path) && (name.ends_with(".tgz") || name.ends_with(".tar.gz"));
  if (archive_) files_ = read_tar(read_maybe_gzip(path, kMaxPackageBytes), path.string());
}

fs::path NpmPackage::folder_of(const std::string& name) const {
  return fs::is_regular_file(path_ / kRoot / name) ? path_ / kRoot : path_;
}

bool NpmPackage::has(const std::string& name) const {
  return archive_ ? files_.count(kRoot + name) != 0 : fs::is_regular_file(folder_of(name) / name);
}

std::string NpmPackage::read(const std::string& name) const {
  if (!archive_) return read_file(folder_of(name) / name, kMaxPackageBytes);
  const auto found = files_.find(kRoot + name);
  if (found == files_.end()) fail_file("{}: has no {}", path_.string(), kRoot + name);
  return found->second;
}

std::string NpmPackage::origin(const std::string& name) const {
  return archive_ ? fmt::format("{}:{}{}", path_.string(), kRoot, name) : (folder_of(name) / name).string();
}

}  // namespace dgl
