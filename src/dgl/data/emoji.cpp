#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/json.h"
#include "dgl/data/source.h"
#include "dgl/formats/image_file.h"

namespace dgl {

namespace {

using nlohmann::json;

constexpr const char* kIndex = "emoji.json";
constexpr size_t kMaxEmoji = 16384, kMaxEmojiBytes = 64 << 10;  // the package has 3786, of 5 kB on average
constexpr const char* kSkinTones = "Component";                 // the category of the five skin tones themselves

/// The emoji of the npm packages emoji-datasource-google and -twitter, 64 x 64 pixels on a transparent background.
/// Their categories are the labels.
class Emoji : public Source {
 public:
  Emoji(const NpmPackage& package, bool skin_tones, const std::string& vendor) : path_(package.path()) {
    const std::string origin = package.origin(kIndex);
    const json index = parse_json(package.read(kIndex));
    if (!index.is_array() || index.empty()) fail_file("{}: expected a JSON list of emoji", origin);
    vendor_ = vendor.empty() ? vendor_of(package, index) : vendor;
    std::vector<std::string> categories;
    const auto add = [&](const json& emoji, const std::string& category) {
      const std::string name = file_name(emoji, origin);
      if (name.empty()) return;
      const std::string file = folder_of(vendor_) + name;
      if (files_.size() == kMaxEmoji) fail_file("{}: expected at most {} emoji", origin, kMaxEmoji);
      files_.push_back(package.read(file));
      if (files_.back().size() > kMaxEmojiBytes) {
        fail_file("{}: {} bytes, expected at most {}", package.origin(file), files_.back().size(), kMaxEmojiBytes);
      }
      names_.push_back(package.origin(file));
      categories.push_back(category);
    };
    for (const json& emoji : index) {
      if (!emoji.is_object() || !emoji.contains("category") || !emoji["category"].is_string()) {
        fail_file("{}: expected emoji with a text category", origin);
      }
      const auto category = emoji["category"].get<std::string>();
      if (!skin_tones && category == kSkinTones) continue;
      add(emoji, category);
      if (!skin_tones || !emoji.contains("skin_variations") || !emoji["skin_variations"].is_object()) continue;
      for (const json& variation : emoji["skin_variations"]) add(variation, category);
    }
    if (files_.empty()) fail_file("{}: none of its emoji has an image of {}", origin, vendor_);
    const std::set<std::string> sorted(categories.begin(), categories.end());
    classes_.assign(sorted.begin(), sorted.end());
    for (const std::string& category : categories) {
      labels_.push_back(static_cast<int32_t>(std::distance(sorted.begin(), sorted.find(category))));
    }
  }

  int64_t count() const override { return static_cast<int64_t>(files_.size()); }
  std::vector<std::string> classes() const override { return classes_; }
  std::string name(int64_t i) const override { return names_[static_cast<size_t>(i)]; }
  SourceImage read(int64_t i) const override { return decode(i, /*header_only=*/false); }
  SourceImage describe(int64_t i) const override { return decode(i, /*header_only=*/true); }

 private:
  static std::string folder_of(const std::string& vendor) { return "img/" + vendor + "/64/"; }

  /// Whether a file's name is a code such as 1f600.png, which leaves its folder for no other.
  static bool is_plain(const std::string& name) {
    const size_t stem = name.find_first_not_of("0123456789abcdef-");
    return stem != std::string::npos && stem != 0 && name.substr(stem) == ".png";
  }

  /// Returns the first vendor that the package has an image of, or the first of all if there is none.
  static std::string vendor_of(const NpmPackage& package, const json& index) {
    for (const std::string& vendor : emoji_vendors()) {
      for (const json& emoji : index) {
        const json image = emoji.is_object() ? emoji.value("image", json()) : json();
        if (!image.is_string() || !is_plain(image.get<std::string>())) continue;
        if (package.has(folder_of(vendor) + image.get<std::string>())) return vendor;
      }
    }
    return emoji_vendors().front();
  }

  /// Returns the image's file name, or "" if the vendor has no image for the emoji. Rejects anything but a plain name,
  /// so that no other folder can be read.
  std::string file_name(const json& emoji, const std::string& origin) const {
    if (!emoji.is_object() || !emoji.contains("image") || !emoji["image"].is_string()) {
      fail_file("{}: expected emoji with a text image", origin);
    }
    const auto name = emoji["image"].get<std::string>();
    if (!is_plain(name)) {
      fail_file("{}: image \"{}\": expected a name such as 1f600.png", origin, name.substr(0, 64));
    }
    const json found = emoji.value("has_img_" + vendor_, json(true));
    return found.is_boolean() && !found.get<bool>() ? std::string() : name;
  }

  SourceImage decode(int64_t i, bool header_only) const {
    const std::string& file = files_[static_cast<size_t>(i)];
    SourceImage image =
        decode_image({reinterpret_cast<const uint8_t*>(file.data()), file.size(), name(i)}, header_only);
    image.label = labels_[static_cast<size_t>(i)];
    return image;
  }

  std::filesystem::path path_;
  std::string vendor_;
  std::vector<std::string> files_, names_, classes_;
  std::vector<int32_t> labels_;
};

}  // namespace

std::vector<std::string> emoji_vendors() { return {"google", "twitter"}; }

std::unique_ptr<Source> open_emoji(const NpmPackage& package, bool skin_tones, const std::string& vendor) {
  return package.has(kIndex) ? std::make_unique<Emoji>(package, skin_tones, vendor) : nullptr;
}

}  // namespace dgl
