#include "dgl/data/packed.h"

#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

using test::expect_error;
using test::TemporaryFolder;

DatasetInfo small_info() {
  DatasetInfo info;
  info.count = 3;
  info.resolution = 8;
  info.channels = 3;
  info.classes = {"cat", "dog"};
  info.resize = "none";
  info.source = "a test";
  return info;
}

uint8_t pixel(int64_t image, int64_t at) { return static_cast<uint8_t>(image * 91 + at * 7); }

fs::path write_small(const TemporaryFolder& folder, const DatasetInfo& info,
                     const std::vector<int32_t>& labels = {0, 1, 1}) {
  PackedWriter writer(folder / "a.dgldata", info);
  for (int64_t i = 0; i < info.count; ++i) {
    std::vector<uint8_t> pixels(static_cast<size_t>(info.channels * info.resolution * info.resolution));
    for (size_t k = 0; k < pixels.size(); ++k) pixels[k] = pixel(i, static_cast<int64_t>(k));
    writer.add(pixels.data(), labels[static_cast<size_t>(i)]);
  }
  writer.finish();
  return folder / "a.dgldata";
}

/// A file with this header and as many zeros after it.
std::string with_header(const std::string& header, size_t zeros) {
  std::string text = "DGLDATA1";
  for (int i = 0; i < 8; ++i) text += static_cast<char>(header.size() >> (8 * i) & 0xff);
  text += header;
  text.resize((text.size() + 4095) / 4096 * 4096 + zeros);
  return text;
}

std::string header_of(const std::string& count, const std::string& resolution, const std::string& channels = "1") {
  return R"({"count":)" + count + R"(,"resolution":)" + resolution + R"(,"channels":)" + channels +
         R"(,"classes":[],"resize":"none","source":""})";
}

TEST(Packed, ReadsBackWhatWasWritten) {
  const TemporaryFolder folder;
  const Dataset set(write_small(folder, small_info()));
  EXPECT_EQ(set.info().count, 3);
  EXPECT_EQ(set.info().resolution, 8);
  EXPECT_EQ(set.info().channels, 3);
  EXPECT_EQ(set.info().classes, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(set.info().resize, "none");
  EXPECT_EQ(set.info().source, "a test");
  const torch::Tensor images = set.images({2, 0, 2});
  ASSERT_EQ(images.sizes(), (std::vector<int64_t>{3, 3, 8, 8}));
  const auto* bytes = images.data_ptr<uint8_t>();
  for (int64_t k = 0; k < 192; ++k) {
    ASSERT_EQ(bytes[k], pixel(2, k));
    ASSERT_EQ(bytes[192 + k], pixel(0, k));
  }
  const torch::Tensor labels = set.labels({0, 1, 2});
  EXPECT_TRUE(labels.equal(torch::tensor({0, 1, 1}, torch::kLong)));
  expect_error([&] { set.images({3}); }, {"a.dgldata", "3"});
  expect_error([&] { set.labels({-1}); }, {"a.dgldata", "-1"});
}

TEST(Packed, PixelsStartOnAPage) {
  const TemporaryFolder folder;
  const std::string text = read_file(write_small(folder, small_info()));
  const auto layout = read_packed_layout(reinterpret_cast<const uint8_t*>(text.data()), text.size(), "a");
  EXPECT_EQ(layout.pixels % 4096, 0u);
  EXPECT_EQ(layout.labels % 4, 0u);
  EXPECT_EQ(text.size(), layout.labels + 12);
}

TEST(Packed, AnUnlabeledSetHasNoLabels) {
  const TemporaryFolder folder;
  DatasetInfo info = small_info();
  info.classes.clear();
  const Dataset set(write_small(folder, info));
  EXPECT_FALSE(set.labeled());
  expect_error([&] { set.labels({0}); }, {"a.dgldata", "no labels"});
}

TEST(Packed, TheWriterLeavesNothingHalf) {
  const TemporaryFolder folder;
  expect_error([&] { write_small(folder, small_info(), {0, 2, 1}); }, {"label 2", "0 to 1"});
  expect_error([&] { PackedWriter(folder / "b.dgldata", small_info()).finish(); }, {"0 images came"});
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(Packed, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const std::string whole = read_file(write_small(folder, small_info()));
  for (const size_t size :
       {size_t{1}, size_t{7}, size_t{15}, size_t{40}, size_t{200}, size_t{4096}, whole.size() - 1}) {
    expect_error([&] { Dataset(folder.put("cut.dgldata", whole.substr(0, size))); }, {"cut.dgldata"});
  }
  expect_error([&] { Dataset(folder.put("long.dgldata", whole + "x")); }, {"long.dgldata"});
  expect_error([&] { Dataset(folder.put("empty.dgldata", "")); }, {"empty.dgldata", "empty"});
  expect_error([&] { Dataset(folder / "none.dgldata"); }, {"none.dgldata"});
  expect_error([&] { Dataset(folder.path()); }, {"a folder"});
}

TEST(Packed, ForeignAndHostileHeadersAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& text, const std::vector<std::string>& words) {
    expect_error([&] { Dataset(folder.put("x.dgldata", text)); }, words);
  };
  std::string huge = "DGLDATA1" + std::string(8, '\xff') + std::string(100, ' ');
  refused(huge, {"x.dgldata", "header"});
  refused("DGLDATA2" + std::string(100, '\0'), {"expected a packed set"});
  refused(with_header(std::string(100000, '['), 0), {"JSON object"});
  refused(with_header("{", 0), {"JSON object"});
  refused(with_header("[1]", 0), {"JSON object"});
  refused(with_header("{}", 0), {"count"});
  refused(with_header(header_of("0", "8"), 0), {"count = 0"});
  refused(with_header(header_of("18446744073709551615", "8"), 64), {"count"});
  refused(with_header(header_of("4611686018427387904", "8"), 64), {"count"});
  // count * R * R * C of this one is 2^60, for which no file has room.
  refused(with_header(header_of("68719476736", "4096", "1"), 64), {"cut off"});
  refused(with_header(header_of("1.5", "8"), 64), {"count: expected a whole number"});
  refused(with_header(header_of("1", "9"), 81), {"resolution = 9"});
  refused(with_header(header_of("1", "8192"), 64), {"resolution = 8192"});
  refused(with_header(header_of("1", "8", "2"), 128), {"channels = 2"});
  refused(with_header(header_of("1", "8", "-1"), 64), {"channels = -1"});
  EXPECT_NO_THROW(Dataset(folder.put("x.dgldata", with_header(header_of("1", "8"), 64))));
}

TEST(Packed, LabelsBeyondTheClassesAreErrors) {
  const TemporaryFolder folder;
  const fs::path file = write_small(folder, small_info());
  for (const char wrong : {'\x02', '\xff'}) {
    std::string text = read_file(file);
    text[text.size() - 1 - 3] = wrong;  // the low byte of the last label
    if (wrong == '\xff') text.replace(text.size() - 4, 4, "\xff\xff\xff\xff");
    expect_error([&] { Dataset(folder.put("x.dgldata", text)); }, {"x.dgldata", "image 2", "0 to 1"});
  }
}

TEST(Ranges, BytesGoToTheUnitRangeAndBack) {
  const torch::Tensor bytes = torch::arange(256, torch::kByte);
  const torch::Tensor unit = to_unit_range(bytes);
  EXPECT_EQ(unit.scalar_type(), torch::kFloat);
  EXPECT_EQ(unit[0].item<float>(), -1);
  EXPECT_EQ(unit[255].item<float>(), 1);
  EXPECT_TRUE(to_bytes(unit).equal(bytes));
  EXPECT_TRUE(to_bytes(torch::tensor({-7.0f, 7.0f, 0.996f})).equal(torch::tensor({0, 255, 254}, torch::kByte)));
  expect_error([] { to_bytes(torch::tensor({0.0f, NAN})); }, {"not finite"});
}

}  // namespace
}  // namespace dgl
