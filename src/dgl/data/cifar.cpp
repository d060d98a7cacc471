#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/data/cifar_files.h"
#include "dgl/data/source.h"

namespace dgl {

namespace {

/// Where the files of one kind lie: a folder, or within an archive.
class CifarPlace {
 public:
  CifarPlace(fs::path folder, const NpmPackage& archive) : folder_(std::move(folder)), archive_(archive) {}

  bool has(const std::string& name) const {
    return archive_.is_archive() ? archive_.files().count(inner(name)) != 0 : fs::is_regular_file(folder_ / name);
  }
  std::string origin(const std::string& name) const {
    return archive_.is_archive() ? archive_.path().string() + ":" + inner(name) : (folder_ / name).string();
  }
  Bytes read(const std::string& name) const {
    if (archive_.is_archive()) {
      const auto text = std::make_shared<const std::string>(archive_.files().at(inner(name)));
      return {reinterpret_cast<const uint8_t*>(text->data()), text->size(), text};
    }
    const auto map = std::make_shared<const MappedFile>(folder_ / name);
    return {map->data(), map->size(), map};
  }

 private:
  std::string inner(const std::string& name) const { return (folder_ / name).string(); }

  fs::path folder_;
  const NpmPackage& archive_;
};

/// CIFAR-10 or CIFAR-100.
class Cifar : public Source {
 public:
  Cifar(std::string path, const CifarKind& kind, const CifarPlace& place, const std::vector<std::string>& files)
      : path_(std::move(path)) {
    for (const std::string& file : files) {
      contents_.push_back(read_cifar_images(kind, place.read(file), place.origin(file), images_));
    }
    if (images_.empty()) fail_file("{}: has no images", path_);
    if (kind.labels == 10) {
      classes_ = {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
    } else if (place.has(kind.names)) {
      classes_ = read_cifar_names(kind, place.read(kind.names), place.origin(kind.names));
    } else {
      for (int32_t i = 0; i < kind.labels; ++i) classes_.push_back(std::to_string(i));
    }
  }

  int64_t count() const override { return static_cast<int64_t>(images_.size()); }
  std::vector<std::string> classes() const override { return classes_; }
  std::string name(int64_t i) const override { return fmt::format("{}: image {}", path_, i); }
  SourceImage read(int64_t i) const override {
    const auto& [planes, label] = images_[static_cast<size_t>(i)];
    constexpr int64_t kArea = kCifarSide * kCifarSide;
    SourceImage image{kCifarSide, kCifarSide, 3, std::vector<uint8_t>(static_cast<size_t>(kCifarBytes)), label};
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t p = 0; p < kArea; ++p) image.pixels[static_cast<size_t>(3 * p + c)] = planes[c * kArea + p];
    }
    return image;
  }

 private:
  std::string path_;
  std::vector<std::shared_ptr<const void>> contents_;
  std::vector<CifarImage> images_;
  std::vector<std::string> classes_;
};

/// The training files that are there, or else the test file.
std::vector<std::string> files_of(const CifarKind& kind, const CifarPlace& place) {
  std::vector<std::string> files;
  std::copy_if(kind.training.begin(), kind.training.end(), std::back_inserter(files),
               [&](const std::string& name) { return place.has(name); });
  if (files.empty() && place.has(kind.test)) files.push_back(kind.test);
  return files;
}

}  // namespace

std::unique_ptr<Source> open_cifar(const NpmPackage& package) {
  const fs::path& path = package.path();
  for (const CifarKind& kind : cifar_kinds()) {
    if (package.is_archive() || fs::is_directory(path)) {
      for (const fs::path& folder : {fs::path(), fs::path(kind.folder)}) {
        const CifarPlace place(package.is_archive() ? folder : path / folder, package);
        const auto files = files_of(kind, place);
        // Files of CIFAR-100 have names that are common. The one with the labels' names tells them.
        const bool known = kind.names.empty() || !folder.empty() || place.has(kind.names);
        if (!files.empty() && known) return std::make_unique<Cifar>(path.string(), kind, place, files);
      }
      continue;
    }
    const std::string name = path.filename().string();
    const CifarPlace place(path.parent_path(), package);
    const bool is_part = name == kind.test || std::count(kind.training.begin(), kind.training.end(), name) > 0;
    if (is_part && (kind.names.empty() || place.has(kind.names))) {
      return std::make_unique<Cifar>(path.string(), kind, place, std::vector{name});
    }
  }
  return nullptr;
}

}  // namespace dgl
