#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/data/dataset_json.h"
#include "dgl/data/file_tree.h"
#include "dgl/data/source.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxLabelsFile = uint64_t{1} << 28;

/// A file's ending in small letters, with its dot; empty if it has none.
std::string ending_of(const fs::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return std::tolower(c); });
  return ending;
}

bool is_image_ending(const std::string& ending) {
  static const std::set<std::string> endings{".png", ".jpg", ".jpeg", ".jpe",  ".jfif", ".webp",
                                             ".bmp", ".dib", ".tif",  ".tiff", ".gif"};
  return endings.count(ending) != 0;
}

/// "3 .txt, 1 without an ending": how many files of each ending. Of many kinds, the first by name.
std::string kinds_text(const std::map<std::string, int64_t>& counts) {
  constexpr size_t kShownKinds = 10;
  std::string text;
  size_t shown = 0;
  int64_t others = 0;
  for (const auto& [ending, count] : counts) {
    if (++shown > kShownKinds) {
      others += count;
      continue;
    }
    // The ending is a text of the user's disk, of any bytes.
    const std::string kind = ending.empty() ? "without an ending" : quoted(ending).substr(1, quoted(ending).size() - 2);
    text += fmt::format("{}{} {}", shown > 1 ? ", " : "", count, kind);
  }
  return others ? fmt::format("{} and {} of other kinds", text, others) : text;
}

/// The image files of a folder and its subfolders or of a zip archive, sorted by path.
class ImageFolder : public Source {
 public:
  ImageFolder(std::unique_ptr<FileTree> tree, const std::string& root, bool labels) : tree_(std::move(tree)) {
    size_t settings = tree_->files().size();
    std::vector<fs::path> images;
    std::map<std::string, int64_t> left_out;
    for (size_t i = 0; i < tree_->files().size(); ++i) {
      const fs::path& file = tree_->files()[i];
      const std::string ending = ending_of(file);
      if (file == kDatasetJson) {
        settings = i;
      } else if (is_image_ending(ending) || (ending.empty() && looks_as_image(i))) {
        places_.push_back(i);
        images.push_back(file);
      } else {
        ++left_out[ending];
      }
    }
    const std::string others =
        left_out.empty() ? "" : "left out, being no images by their names: " + kinds_text(left_out);
    if (places_.empty()) {
      fail("{}: has no PNG, JPEG, WebP, TIFF, BMP or GIF images{}{}", root, others.empty() ? "" : "; ", others);
    }
    if (!others.empty()) notes_.push_back(others);
    const bool has_settings = settings < tree_->files().size();
    if (has_settings && labels) {
      take_dataset_json(settings, images);
    } else if (labels) {
      take_folders(images, root);
    } else if (has_settings) {
      notes_.push_back(fmt::format("{} was not read; --labels takes labels from it", tree_->name(settings)));
    }
  }

  int64_t count() const override { return static_cast<int64_t>(places_.size()); }
  std::vector<std::string> classes() const override { return classes_; }
  std::vector<std::string> notes() const override { return notes_; }
  std::string name(int64_t i) const override { return tree_->name(places_[static_cast<size_t>(i)]); }

  SourceImage read(int64_t i) const override {
    const Bytes bytes = tree_->read(places_[static_cast<size_t>(i)]);
    SourceImage image = decode_image({bytes.data, bytes.size, name(i)});
    if (!labels_.empty()) image.label = labels_[static_cast<size_t>(i)];
    return image;
  }

  SourceImage describe(int64_t i) const override {
    const Bytes bytes = tree_->look(places_[static_cast<size_t>(i)]);
    return decode_image({bytes.data, bytes.size, name(i)}, /*header_only=*/true);
  }

 private:
  /// Whether a file without an ending is an image by its content.
  bool looks_as_image(size_t place) const {
    try {
      const Bytes bytes = tree_->look(place);
      return begins_as_image(bytes.data, bytes.size);
    } catch (const Error&) {  // it is empty, or cannot be read
      return false;
    }
  }

  /// Takes labels from NVIDIA's dataset.json, whose numbered folders mean nothing.
  void take_dataset_json(size_t place, const std::vector<fs::path>& images) {
    const std::string origin = tree_->name(place);
    const Bytes text = tree_->read(place);
    if (text.size > kMaxLabelsFile) fail_file("{}: {} bytes, expected at most {}", origin, text.size, kMaxLabelsFile);
    labels_ = read_dataset_json({reinterpret_cast<const char*>(text.data), text.size}, origin, images);
    const int32_t most = *std::max_element(labels_.begin(), labels_.end());
    for (int32_t i = 0; i <= most; ++i) classes_.push_back(std::to_string(i));
    notes_.push_back(fmt::format("labels from {}", origin));
  }

  /// Takes the folders at the top for labels. Paths are sorted component by component, so the images of each class are
  /// consecutive.
  void take_folders(const std::vector<fs::path>& images, const std::string& root) {
    for (size_t i = 0; i < images.size(); ++i) {
      const fs::path& file = images[i];
      if (file.begin() == std::prev(file.end())) {
        fail("{}: is in no sub-folder that would be its label", tree_->name(places_[i]));
      }
      if (classes_.empty() || classes_.back() != file.begin()->string()) classes_.push_back(file.begin()->string());
      labels_.push_back(static_cast<int32_t>(classes_.size() - 1));
    }
    for (const std::string& folder : tree_->folders()) {
      if (!std::binary_search(classes_.begin(), classes_.end(), folder)) {
        fail("{}: has no images, and is the folder of a label", (fs::path(root) / folder).string());
      }
    }
    notes_.push_back("labels from the folders at the top");
  }

  std::unique_ptr<FileTree> tree_;
  std::vector<size_t> places_;  // of the images in the tree
  std::vector<std::string> classes_, notes_;
  std::vector<int32_t> labels_;
};

}  // namespace

std::unique_ptr<Source> open_image_folder(const std::filesystem::path& path, bool labels) {
  auto tree = open_file_tree(path);
  if (!tree) return nullptr;
  return std::make_unique<ImageFolder>(std::move(tree), path.string(), labels);
}

}  // namespace dgl
