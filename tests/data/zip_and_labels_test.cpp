#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "dgl/data/dataset_json.h"
#include "dgl/data/prepare.h"
#include "formats/make_checkpoint.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

/// What NVIDIA's dataset_tool.py writes: six images in two numbered folders, of labels 0, 1, 2, 0, 1, 2.
Entries nvidia_entries() {
  Entries entries;
  std::string labels;
  for (int i = 0; i < 6; ++i) {
    const std::string name = fmt::format("{:05}/img{:08}.png", i / 3, i);
    entries.emplace_back(name, plain_png(8, 8, std::string(1, static_cast<char>(i + 1))));
    labels += fmt::format("{}[\"{}\", {}]", i ? ", " : "", name, i % 3);
  }
  entries.emplace_back("dataset.json", "{\"labels\": [" + labels + "]}");
  return entries;
}

fs::path put_folder(const TemporaryFolder& folder, const std::string& name, const Entries& entries) {
  for (const auto& [inner, content] : entries) folder.put(name + "/" + inner, content);
  return folder / name;
}

PreparedSet pack_labeled(const TemporaryFolder& folder, const fs::path& source, bool labels = true) {
  PrepareOptions options;
  options.source = source;
  options.out = folder / "out.dgldata";
  options.labels = labels;
  options.overwrite = true;
  return prepare_dataset(options, {});
}

std::vector<int64_t> labels_of(const TemporaryFolder& folder) {
  const Dataset set(folder / "out.dgldata");
  std::vector<int64_t> all;
  for (int64_t i = 0; i < set.info().count; ++i) {
    EXPECT_EQ(set.images({i})[0][0][0][0].item<int64_t>(), i + 1);
    all.push_back(set.labels({i}).item<int64_t>());
  }
  return all;
}

TEST(PrepareDatasetJson, AFolderAndAZip) {
  const TemporaryFolder folder;
  const Entries entries = nvidia_entries();
  Entries inside;
  for (const auto& [name, content] : entries) inside.emplace_back("nv/" + name, content);
  for (const fs::path& source :
       {put_folder(folder, "nv", entries), folder.put("stored.zip", make_zip(entries)),
        folder.put("deflated.zip", make_zip(entries, true)), folder.put("inside.zip", make_zip(inside))}) {
    const PreparedSet set = pack_labeled(folder, source);
    EXPECT_EQ(set.classes, (std::vector<std::string>{"0", "1", "2"})) << source;
    EXPECT_EQ(labels_of(folder), (std::vector<int64_t>{0, 1, 2, 0, 1, 2})) << source;
    ASSERT_EQ(set.notes.size(), 1u);
    EXPECT_NE(set.notes[0].find("dataset.json"), std::string::npos);
    const PreparedSet plain = pack_labeled(folder, source, false);
    EXPECT_TRUE(plain.classes.empty());
    ASSERT_EQ(plain.notes.size(), 1u);
    EXPECT_NE(plain.notes[0].find("--labels"), std::string::npos);
  }
}

TEST(PrepareDatasetJson, OtherContentsAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    Entries entries = nvidia_entries();
    entries.back().second = text;
    fs::remove(folder / "out.dgldata");
    expect_error([&] { pack_labeled(folder, folder.put("a.zip", make_zip(entries))); }, words);
    expect_error([&] { pack_labeled(folder, put_folder(folder, "a", entries)); }, words);
    EXPECT_FALSE(fs::exists(folder / "out.dgldata"));
  };
  const std::string whole = nvidia_entries().back().second;
  const auto changed = [&](const std::string& what, const std::string& by) {
    std::string text = whole;
    return text.replace(text.find(what), what.size(), by);
  };
  refused("{\"labels\": null}", {"dataset.json", "no labels", "leave out --labels"});
  refused("{}", {"dataset.json", "no labels"});
  refused("[]", {"dataset.json", "an object"});
  refused("{\"labels\": 3}", {"dataset.json", "no list"});
  refused("{\"labels\": [3]}", {"dataset.json", "pairs"});
  refused("{\"labels\": []}", {"dataset.json", "0 labels for 6 images", "00000/img00000000.png", "has none"});
  refused(changed("[\"00000/img00000002.png\", 2], ", ""),
          {"dataset.json", "5 labels for 6 images", "00000/img00000002.png", "has none"});
  refused(changed("]}", ", [\"00002/x.png\", 1]]}"),
          {"dataset.json", "7 labels for 6 images", "no image \"00002/x.png"});
  refused(changed("img00000001", "img00000000"), {"dataset.json", "img00000000.png\" has two"});
  refused(changed("png\", 2", "png\", [0.0, 1.0]"), {"dataset.json", "a list of numbers", "img00000002"});
  for (const char* number : {"-1", "65536", "1.5", "\"2\"", "null", "true", "1e+20"}) {
    refused(changed("png\", 2", fmt::format("png\", {}", number)), {"dataset.json", "img00000002", number, "65535"});
  }
  refused(whole.substr(0, whole.size() - 1), {"dataset.json"});
  refused(std::string(100000, '['), {"dataset.json"});
}

TEST(PrepareZip, FoldersAreLabelsAndHiddenFilesAreLeftOut) {
  const TemporaryFolder folder;
  const Entries entries{{"dog/", ""},
                        {"dog/b.png", plain_png(8, 8, "\x03")},
                        {"cat/2.png", plain_png(8, 8, "\x02")},
                        {"cat/1.png", plain_png(8, 8, "\x01")},
                        {".x.png", "hidden"},
                        {"__MACOSX/cat/._1.png", "hidden"}};
  EXPECT_EQ(pack_labeled(folder, folder.put("a.zip", make_zip(entries))).classes,
            (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(labels_of(folder), (std::vector<int64_t>{0, 0, 1}));
}

TEST(PrepareZip, HostileArchivesAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    expect_error([&] { pack_labeled(folder, folder.put("a.zip", text), false); }, words);
    EXPECT_EQ(folder.entries(), 1u);
  };
  const std::string image = plain_png(8, 8, "a");
  for (const std::string& name :
       {std::string("../x.png"), std::string("a/../../x.png"), std::string("/etc/x.png"), std::string("a\0.png", 6)}) {
    refused(make_zip({{name, image}}), {"a.zip", "leads out"});
  }
  refused(make_zip({}), {"a.zip", "no"});
  refused(make_zip({{"a/data.pkl", "x"}}), {"a.zip", "no"});
  refused(make_zip({{"a.png", image}, {"./a.png", image}}), {"a.zip", "twice"});
  refused(make_zip({{"a.png", std::string(80 << 20, '\0')}}, true), {"a.zip", "32 times"});
  const std::string whole = make_zip({{"a.png", image}}, true);
  refused(whole.substr(0, whole.size() - 1), {"a.zip"});
  std::string damaged = whole;
  damaged[40] = static_cast<char>(damaged[40] ^ 0x40);
  refused(damaged, {"a.zip:a.png"});
}

}  // namespace
}  // namespace dgl::test
