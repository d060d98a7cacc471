#include "dgl/report/pictures.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/report/html.h"

namespace dgl {

namespace {

constexpr uint64_t kMaxPictureBytes = uint64_t{64} << 20;

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

/// Returns the kimg of a name such as "000120.png", or nothing for other names.
std::optional<double> sample_kimg(const fs::path& path) {
  const std::string name = path.stem().string();
  const bool digits = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (path.extension() != ".png" || name.empty() || name.size() > 12 || !digits) return std::nullopt;
  return static_cast<double>(std::stoll(name));
}

}  // namespace

std::optional<Picture> read_picture(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  std::string file = read_file(path, kMaxPictureBytes);
  // The PNG signature, then the chunk IHDR with width and height (PNG specification, 5.2 and 11.2.2).
  const std::string_view head = std::string_view(file).substr(0, 24);
  if (head.size() < 24 || head.substr(0, 8) != "\x89PNG\r\n\x1a\n" || head.substr(12, 4) != "IHDR") {
    fail("{}: expected a PNG file", path.string());
  }
  const uint32_t width = big_endian(head.substr(16)), height = big_endian(head.substr(20));
  if (width == 0 || height == 0) fail("{}: a PNG of {} x {} pixels", path.string(), width, height);
  return Picture{std::move(file), width, height};
}

std::vector<SampleFile> choose_samples(const fs::path& run, size_t most, uint64_t max_bytes) {
  std::vector<SampleFile> all;
  uint64_t longest = 1;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "samples", error)) {
    const auto kimg = sample_kimg(entry.path());
    if (!kimg || !entry.is_regular_file(error)) continue;
    all.push_back({*kimg, entry.path()});
    longest = std::max<uint64_t>(longest, entry.file_size());
  }
  std::sort(all.begin(), all.end(), [](const SampleFile& a, const SampleFile& b) { return a.kimg < b.kimg; });
  most = std::min<uint64_t>(most, max_bytes / longest);
  if (all.size() <= most) return all;
  if (most < 2) return {};
  std::vector<SampleFile> chosen;
  for (size_t i = 0; i < most; ++i) chosen.push_back(all[i * (all.size() - 1) / (most - 1)]);
  return chosen;
}

std::string image_element(const Picture& picture, const std::string& alt, const std::string& attributes) {
  return fmt::format(R"(<img{}{} width="{}" height="{}" alt="{}" src="data:image/png;base64,{}">)",
                     attributes.empty() ? "" : " " + attributes, picture.width <= 640 ? R"( class="pixels")" : "",
                     picture.width, picture.height, escape_html(alt), base64(picture.file));
}

}  // namespace dgl
