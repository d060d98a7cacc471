#include <gtest/gtest.h>
#include <sys/stat.h>

#include "dgl/base/files.h"
#include "dgl/data/prepare.h"
#include "make_files.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using Lines = std::vector<std::string>;

/// Packs the folder "in" into out.dgldata beside it.
PreparedSet pack_folder(const TemporaryFolder& folder, PrepareOptions options = {}) {
  options.source = folder / "in";
  options.out = folder / "out.dgldata";
  options.overwrite = true;
  return prepare_dataset(options, {});
}

TEST(PrepareForeignFolder, ListsAllBrokenImagesOrLeavesThemOut) {
  const TemporaryFolder folder;
  const std::string whole = plain_png(8, 8, "a");
  for (int i = 0; i < 14; ++i) folder.put(fmt::format("in/bad{:02}.png", i), i % 2 ? "no image" : whole.substr(0, 60));
  for (int i = 0; i < 4; ++i) folder.put(fmt::format("in/good{}.png", i), whole);
  expect_error([&] { pack_folder(folder); },
               {"in: 14 of 18 images cannot be read", "bad00.png: PNG", "bad01.png: expected", "bad09.png: expected",
                "; and 4 more; --skip-broken"});
  EXPECT_EQ(folder.entries(), 1u);
  PrepareOptions options;
  options.skip_broken = true;
  options.holdout = 2;
  options.out_test = folder / "test.dgldata";
  const PreparedSet set = pack_folder(folder, options);
  EXPECT_EQ(set.count, 2);
  EXPECT_EQ(Dataset(folder / "test.dgldata").info().count, 2);
  ASSERT_EQ(set.notes.size(), 1u);
  EXPECT_NE(set.notes[0].find("left out: 14 of 18 images cannot be read: "), std::string::npos) << set.notes[0];
  for (int i = 0; i < 4; ++i) fs::remove(folder / fmt::format("in/good{}.png", i));
  expect_error([&] { pack_folder(folder, options); }, {"in: 14 of 14 images cannot be read"});
  expect_error([&] { pack_folder(folder); }, {"in: 14 of 14 images cannot be read"});
}

TEST(PrepareForeignFolder, CountsTheFilesThatItLeavesOut) {
  const TemporaryFolder folder;
  folder.put("in/a.PNG", plain_png(8, 8, "a"));
  folder.put("in/b.jfif", plain_jpeg(8, 8, "b"));
  folder.put("in/c.jpe", plain_jpeg(8, 8, "c"));
  folder.put("in/d.JPEG", plain_png(8, 8, "d"));
  folder.put("in/e", plain_png(8, 8, "e"));
  folder.put("in/f", "text");
  folder.put("in/g", "");
  folder.put("in/notes.TXT", "text");
  folder.put("in/deep/notes.txt", "text");
  folder.put("in/x.heic", "image");
  const PreparedSet set = pack_folder(folder);
  EXPECT_EQ(set.count, 5);
  EXPECT_EQ(set.notes, (Lines{"left out, being no images by their names: 2 without an ending, 1 .heic, 2 .txt"}));
  for (const char* name : {"a.PNG", "b.jfif", "c.jpe", "d.JPEG", "e"}) fs::remove(folder / "in" / name);
  expect_error([&] { pack_folder(folder); }, {"in: has no PNG", "left out", "2 .txt"});
}

TEST(PrepareForeignFolder, PipesAreNotWaitedFor) {
  const TemporaryFolder folder;
  folder.put("in/a.png", plain_png(8, 8, "a"));
  ASSERT_EQ(::mkfifo((folder / "in/pipe").c_str(), 0600), 0);
  EXPECT_EQ(pack_folder(folder).notes.size(), 1u);
  ASSERT_EQ(::mkfifo((folder / "in/pipe.png").c_str(), 0600), 0);
  expect_error([&] { pack_folder(folder); }, {"pipe.png", "regular file"});
}

TEST(PrepareForeignFolder, SaysWhatIsTurnedAndEnlarged) {
  const TemporaryFolder folder;
  const std::string lying("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  folder.put("in/a.png", make_png(16, 8, 8, 0, std::string(128, 'a'), png_chunk("eXIf", lying)));
  folder.put("in/b.png", plain_png(8, 16, "b"));
  folder.put("in/c.png", plain_png(32, 32, "c"));
  PrepareOptions sixteen;
  sixteen.size = 16;
  const PreparedSet set = pack_folder(folder, sixteen);
  EXPECT_EQ(set.notes, (Lines{"1 of 3 images were turned upright, as their EXIF orientation says",
                              "2 of 3 images had fewer than 16 x 16 pixels and were enlarged"}));
}

}  // namespace
}  // namespace dgl::test
