#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dgl/base/error.h"

#include "dgl/base/files.h"
#include "dgl/data/source.h"

namespace dgl {

namespace {

constexpr int64_t kCifarSide = 32, kCifarPixels = kCifarSide * kCifarSide, kRecord = 1 + 3 * kCifarPixels;

/// CIFAR-10 binary batches (cs.toronto.edu/~kriz/cifar.html): records with a label and three planes of 32 x 32 bytes.
class Cifar : public Source {
 public:
  Cifar(const fs::path& path, const std::vector<fs::path>& files) : path_(path) {
    for (const auto& file : files) {
      auto map = std::make_unique<MappedFile>(file);
      if (map->size() % kRecord != 0) {
        fail_file("{}: {} bytes, expected a multiple of {} (CIFAR-10 records)", file.string(), map->size(), kRecord);
      }
      for (uint64_t at = 0; at < map->size(); at += kRecord) {
        if (map->data()[at] > 9)
          fail_file("{}: label {} of record {}: expected 0 to 9", file.string(), map->data()[at], at / kRecord);
        records_.push_back(map->data() + at);
      }
      maps_.push_back(std::move(map));
    }
  }

  int64_t count() const override { return static_cast<int64_t>(records_.size()); }
  std::vector<std::string> classes() const override {
    return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  }
  std::string name(int64_t i) const override { return fmt::format("{}: image {}", path_.string(), i); }
  SourceImage read(int64_t i) const override {
    const uint8_t* record = records_[static_cast<size_t>(i)];
    SourceImage image{kCifarSide, kCifarSide, 3, std::vector<uint8_t>(3 * kCifarPixels), record[0]};
    for (int64_t c = 0; c < 3; ++c) {
      for (int64_t p = 0; p < kCifarPixels; ++p) {
        image.pixels[static_cast<size_t>(3 * p + c)] = record[1 + c * kCifarPixels + p];
      }
    }
    return image;
  }

 private:
  fs::path path_;
  std::vector<std::unique_ptr<MappedFile>> maps_;
  std::vector<const uint8_t*> records_;
};

}  // namespace

std::unique_ptr<Source> open_cifar(const std::filesystem::path& path) {
  const auto is_batch = [](const fs::path& file) {
    const std::string name = file.filename().string();
    return file.extension() == ".bin" && (name.starts_with("data_batch") || name.starts_with("test_batch"));
  };
  if (fs::is_regular_file(path)) return is_batch(path) ? std::make_unique<Cifar>(path, std::vector{path}) : nullptr;
  for (const fs::path& folder : {path, path / "cifar-10-batches-bin"}) {
    if (!fs::is_directory(folder)) continue;
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().filename().string().starts_with("data_batch") && is_batch(entry.path()))
        files.push_back(entry.path());
    }
    if (files.empty() && fs::is_regular_file(folder / "test_batch.bin")) files.push_back(folder / "test_batch.bin");
    if (files.empty()) continue;
    std::sort(files.begin(), files.end());
    return std::make_unique<Cifar>(path, files);
  }
  return nullptr;
}

}  // namespace dgl
