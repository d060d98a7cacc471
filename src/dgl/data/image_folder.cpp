#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"

#include "dgl/base/files.h"
#include "dgl/data/source.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxFile = uint64_t{1} << 29;

bool is_image(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending == ".png" || ending == ".jpg" || ending == ".jpeg";
}

/// The PNG and JPEG files of a folder and its subfolders, sorted by path. Hidden files and folders are skipped.
class ImageFolder : public Source {
 public:
  ImageFolder(const fs::path& root, bool labels) {
    for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator(); ++at) {
      const fs::path& path = at->path();
      const bool hidden = path.filename().string().starts_with('.');
      if (at->is_directory()) {
        // Links could form a cycle, and skipping one silently would lose a class.
        if (at->is_symlink() && !hidden) fail("{}: a link to a folder; expected the folder itself", path.string());
        if (hidden) at.disable_recursion_pending();
      } else if (!hidden && is_image(path)) {
        if (!at->is_regular_file()) fail("{}: expected a regular file", path.string());
        files_.push_back(path);
      }
    }
    if (files_.empty()) fail("{}: has no PNG or JPEG images", root.string());
    std::sort(files_.begin(), files_.end());
    if (!labels) return;
    // Paths are sorted component by component, so the images of each class are consecutive.
    for (const auto& file : files_) {
      const fs::path inner = file.lexically_relative(root);
      if (inner.begin() == std::prev(inner.end()))
        fail("{}: is in no sub-folder that would be its label", file.string());
      if (classes_.empty() || classes_.back() != inner.begin()->string()) classes_.push_back(inner.begin()->string());
      labels_.push_back(static_cast<int32_t>(classes_.size() - 1));
    }
    for (const auto& entry : fs::directory_iterator(root)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && !name.starts_with('.') &&
          !std::binary_search(classes_.begin(), classes_.end(), name)) {
        fail("{}: has no images, and is the folder of a label", entry.path().string());
      }
    }
  }

  int64_t count() const override { return static_cast<int64_t>(files_.size()); }
  std::vector<std::string> classes() const override { return classes_; }
  std::string name(int64_t i) const override { return files_[static_cast<size_t>(i)].string(); }

  SourceImage read(int64_t i) const override {
    const std::string bytes = read_file(files_[static_cast<size_t>(i)], kMaxFile);
    SourceImage image = decode_image({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), name(i)});
    if (!labels_.empty()) image.label = labels_[static_cast<size_t>(i)];
    return image;
  }

  SourceImage describe(int64_t i) const override {
    const MappedFile file(files_[static_cast<size_t>(i)]);  // mapped, because a header needs only one page
    return decode_image({file.data(), file.size(), name(i)}, /*header_only=*/true);
  }

 private:
  std::vector<fs::path> files_;
  std::vector<std::string> classes_;
  std::vector<int32_t> labels_;
};

}  // namespace

std::unique_ptr<Source> open_image_folder(const std::filesystem::path& path, bool labels) {
  if (!fs::is_directory(path)) return nullptr;
  return std::make_unique<ImageFolder>(path, labels);
}

}  // namespace dgl
