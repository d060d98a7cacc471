#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/data/source.h"
#include "dgl/formats/gzip.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxIdxBytes = uint64_t{1} << 32;
constexpr uint32_t kIdxImages = 0x803, kIdxLabels = 0x801;

uint32_t big_endian(const std::string& text, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(text[at + i]);
  return value;
}

/// IDX files in the format of MNIST (yann.lecun.com/exdb/mnist): big-endian sizes, then bytes.
class Idx : public Source {
 public:
  Idx(const fs::path& images, const fs::path& labels) : path_(images) {
    pixels_ = read_maybe_gzip(images, kMaxIdxBytes);
    if (pixels_.size() < 16 || big_endian(pixels_, 0) != kIdxImages)
      fail_file("{}: expected an IDX file of images", images.string());
    const uint64_t count = big_endian(pixels_, 4);
    height_ = big_endian(pixels_, 8);
    width_ = big_endian(pixels_, 12);
    if (count == 0 || height_ == 0 || width_ == 0 || height_ > 4096 || width_ > 4096) {
      fail_file("{}: {} images of {} x {}", images.string(), count, height_, width_);
    }
    const uint64_t bytes = 16 + count * static_cast<uint64_t>(height_ * width_);
    if (pixels_.size() != bytes)
      fail_file("{}: {} bytes, expected {}; perhaps it was cut off", images.string(), pixels_.size(), bytes);
    count_ = static_cast<int64_t>(count);
    if (labels.empty()) return;
    labels_ = read_maybe_gzip(labels, kMaxIdxBytes);
    if (labels_.size() < 8 || big_endian(labels_, 0) != kIdxLabels)
      fail_file("{}: expected an IDX file of labels", labels.string());
    if (big_endian(labels_, 4) != count || labels_.size() != 8 + count) {
      fail_file("{}: expected {} labels, one for each image", labels.string(), count);
    }
    const auto at = [this](size_t i) { return static_cast<int32_t>(static_cast<uint8_t>(labels_[i])); };
    least_ = most_ = at(8);
    for (size_t i = 8; i < labels_.size(); ++i) {
      least_ = std::min(least_, at(i));
      most_ = std::max(most_, at(i));
    }
  }

  int64_t count() const override { return count_; }
  bool padded() const override { return true; }
  std::string name(int64_t i) const override { return fmt::format("{}: image {}", path_.string(), i); }
  std::vector<std::string> classes() const override {
    std::vector<std::string> names;
    for (int32_t i = least_; !labels_.empty() && i <= most_; ++i) names.push_back(std::to_string(i));
    return names;
  }
  std::vector<std::string> notes() const override {
    if (least_ == 0) return {};
    return {fmt::format("labels {} to {} became 0 to {}; their names are the numbers of the file", least_, most_,
                        most_ - least_)};
  }
  SourceImage read(int64_t i) const override {
    const int64_t bytes = height_ * width_;
    SourceImage image{height_, width_, 1, std::vector<uint8_t>(static_cast<size_t>(bytes)), 0};
    std::memcpy(image.pixels.data(), pixels_.data() + 16 + i * bytes, static_cast<size_t>(bytes));
    if (!labels_.empty()) {
      image.label = static_cast<uint8_t>(labels_[static_cast<size_t>(8 + i)]) - least_;
    }
    return image;
  }

 private:
  fs::path path_;
  std::string pixels_, labels_;
  int64_t count_ = 0, height_ = 0, width_ = 0;
  int32_t least_ = 0, most_ = 0;  // labels, as the file has them
};

/// Returns the labels file that conventionally belongs to an images file; empty if it does not exist.
fs::path labels_beside(const fs::path& images) {
  std::string name = images.filename().string();
  const auto replace = [&](const std::string& part, const std::string& by) {
    const size_t at = name.find(part);
    if (at != std::string::npos) name.replace(at, part.size(), by);
    return at != std::string::npos;
  };
  if (!replace("images-idx3", "labels-idx1") && !replace("images.idx3", "labels.idx1")) return {};
  for (const std::string& candidate : {name, name + ".gz", name.substr(0, name.rfind(".gz"))}) {
    if (fs::is_regular_file(images.parent_path() / candidate)) return images.parent_path() / candidate;
  }
  return {};
}

}  // namespace

std::unique_ptr<Source> open_idx(const std::filesystem::path& path) {
  if (fs::is_regular_file(path)) {
    const std::string start = read_start(path, 4);
    if (start.size() < 4 || (big_endian(start, 0) != kIdxImages && big_endian(start, 0) != kIdxLabels)) return nullptr;
    return std::make_unique<Idx>(path, labels_beside(path));
  }
  for (const char* name : {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte",
                           "train-images.idx3-ubyte.gz"}) {
    if (fs::is_regular_file(path / name)) return std::make_unique<Idx>(path / name, labels_beside(path / name));
  }
  return nullptr;
}

}  // namespace dgl
