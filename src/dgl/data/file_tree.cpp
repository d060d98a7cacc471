#include "dgl/data/file_tree.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/formats/zip.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxTreeFile = uint64_t{1} << 29;

bool is_hidden(const fs::path& part) { return part.string().starts_with('.'); }

class FolderTree : public FileTree {
 public:
  explicit FolderTree(const fs::path& root) : root_(root) {
    for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator(); ++at) {
      const fs::path& path = at->path();
      const bool hidden = is_hidden(path.filename());
      if (at->is_directory()) {
        // Links could form a cycle, and skipping one silently would lose a class.
        if (at->is_symlink() && !hidden) fail("{}: a link to a folder; expected the folder itself", path.string());
        if (hidden) at.disable_recursion_pending();
        if (!hidden && at.depth() == 0) folders_.push_back(path.filename().string());
      } else if (!hidden) {
        files_.push_back(path.lexically_relative(root));
      }
    }
    std::sort(files_.begin(), files_.end());
    std::sort(folders_.begin(), folders_.end());
  }

  std::string name(size_t i) const override { return (root_ / files_[i]).string(); }
  Bytes read(size_t i) const override {
    const auto text = std::make_shared<const std::string>(read_file(regular(i), kMaxTreeFile));
    return {reinterpret_cast<const uint8_t*>(text->data()), text->size(), text};
  }
  Bytes look(size_t i) const override {
    const auto map = std::make_shared<const MappedFile>(regular(i));
    return {map->data(), map->size(), map};
  }

 private:
  /// The path of file `i`. Throws Error for a pipe, which would wait for a writer, and the like.
  fs::path regular(size_t i) const {
    fs::path path = root_ / files_[i];
    if (!fs::is_regular_file(path)) fail_file("{}: expected a regular file", path.string());
    return path;
  }

  fs::path root_;
};

class ZipTree : public FileTree {
 public:
  explicit ZipTree(const fs::path& path) : path_(path) {
    const auto map = std::make_shared<const MappedFile>(path);
    archive_ = {map->data(), map->size(), map};
    std::set<std::string> folders;
    std::map<fs::path, ZipEntry> entries;
    for (const auto& [name, entry] : read_zip_directory(archive_, path.string())) {
      const fs::path inner = fs::path(name).lexically_normal();
      if (inner.is_absolute() || inner.empty() || *inner.begin() == ".." || name.find('\0') != std::string::npos) {
        fail_file("{}: zip entry {}: a path that leads out of the archive", path.string(), quoted(name));
      }
      const auto hidden = [](const fs::path& part) { return is_hidden(part) || part == "__MACOSX"; };
      if (std::any_of(inner.begin(), inner.end(), hidden)) continue;
      if (std::next(inner.begin()) != inner.end()) folders.insert(inner.begin()->string());
      if (name.ends_with('/')) continue;
      if (entry.size > kMaxTreeFile) {
        fail_file("{}: zip entry {}: {} bytes, expected at most {}", path.string(), quoted(name), entry.size,
                  kMaxTreeFile);
      }
      if (!entries.emplace(inner, entry).second) {
        fail_file("{}: zip entry {}: stands in the archive twice", path.string(), quoted(name));
      }
    }
    for (const auto& [inner, entry] : entries) {
      files_.push_back(inner);
      entries_.push_back(entry);
    }
    folders_.assign(folders.begin(), folders.end());
    enter_only_folder();
  }

  std::string name(size_t i) const override {
    return fmt::format("{}:{}", path_.string(), (root_ / files_[i]).string());
  }
  Bytes read(size_t i) const override { return read_zip_entry(archive_, entries_[i], name(i)); }

 private:
  /// Makes the only folder at the top the root, if it is no folder of images but one of such folders.
  void enter_only_folder() {
    if (folders_.size() != 1) return;
    std::set<std::string> folders;
    bool settings = false;
    for (const fs::path& file : files_) {
      if (*file.begin() != folders_[0]) return;
      const fs::path inner = file.lexically_relative(folders_[0]);
      if (inner.begin() != std::prev(inner.end())) folders.insert(inner.begin()->string());
      settings = settings || inner == "dataset.json";
    }
    if (folders.empty() && !settings) return;
    root_ = folders_[0];
    for (fs::path& file : files_) file = file.lexically_relative(root_);
    folders_.assign(folders.begin(), folders.end());
  }

  fs::path path_, root_;
  Bytes archive_;
  std::vector<ZipEntry> entries_;
};

}  // namespace

std::unique_ptr<FileTree> open_file_tree(const std::filesystem::path& path) {
  if (fs::is_directory(path)) return std::make_unique<FolderTree>(path);
  const MappedFile file(path);
  const bool is_zip = file.size() >= 4 && (std::memcmp(file.data(), "PK\3\4", 4) == 0 ||
                                           std::memcmp(file.data(), "PK\5\6", 4) == 0);  // the latter: an empty one
  return is_zip ? std::make_unique<ZipTree>(path) : nullptr;
}

}  // namespace dgl
