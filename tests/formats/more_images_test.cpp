#include <gtest/gtest.h>

#include "dgl/base/files.h"
#include "dgl/base/json.h"
#include "dgl/formats/image_file.h"
#include "make_files.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

SourceImage decode_text(const std::string& file, bool header_only = false) {
  // Bytes of exactly this length, so that a sanitizer sees what reads past them.
  const std::vector<uint8_t> bytes(file.begin(), file.end());
  return decode_image({bytes.data(), bytes.size(), "x.img"}, header_only);
}

std::string golden_file(const std::string& name) {
  return read_file(fs::path(DGL_SOURCE_DIR) / "tests/golden/images" / name);
}

/// What Pillow makes of the golden images.
nlohmann::json pillows_pixels() { return parse_json(golden_file("pixels.json")); }

TEST(GoldenImages, PixelsArePillows) {
  const nlohmann::json all = pillows_pixels();
  ASSERT_GT(all.size(), 25u);
  for (const auto& [name, expected] : all.items()) {
    const std::string file = golden_file(name);
    const SourceImage image = decode_text(file), head = decode_text(file, true);
    for (const SourceImage& each : {image, head}) {
      EXPECT_EQ(each.width, expected["width"]) << name;
      EXPECT_EQ(each.height, expected["height"]) << name;
      EXPECT_EQ(each.channels, image.channels) << name;
      EXPECT_EQ(each.orientation, image.orientation) << name;
    }
    EXPECT_TRUE(head.pixels.empty()) << name;
    const bool gray = name.starts_with("gray") || name.starts_with("bits");
    EXPECT_EQ(image.channels, gray ? 1 : 3) << name;
    EXPECT_EQ(image.orientation, name.starts_with("turned") ? name[6] - '0' : 1) << name;
    ASSERT_EQ(image.pixels.size(), static_cast<size_t>(image.width * image.height * image.channels)) << name;
    const std::string hexadecimal = expected["rgb"];
    int most = 0;
    for (size_t i = 0; i < hexadecimal.size() / 2; ++i) {
      const int value = std::stoi(hexadecimal.substr(2 * i, 2), nullptr, 16);
      most = std::max(most, std::abs(value - image.pixels[gray ? i / 3 : i]));
    }
    // Lossy decoders may round in another way where other instructions are used, and alpha is rounded by libtiff.
    const bool lossy = name.starts_with("lossy") || name.ends_with(".jpg");
    EXPECT_LE(most, lossy ? 2 : name.starts_with("alpha") || name == "cmyk.tiff" ? 1 : 0) << name;
  }
}

TEST(GoldenImages, EveryTruncationAndDamageEndsInPixelsOrAnError) {
  const nlohmann::json all = pillows_pixels();
  for (const auto& [name, expected] : all.items()) {
    const std::string whole = golden_file(name);
    const auto survives = [&, name = name](const std::string& file) {
      try {
        const SourceImage image = decode_text(file);
        EXPECT_EQ(image.pixels.size(), static_cast<size_t>(image.width * image.height * image.channels)) << name;
      } catch (const Error& error) {
        const std::string message = error.what();
        EXPECT_NE(message.find("x.img"), std::string::npos) << name << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << name << message;
      }
    };
    for (size_t size = 0; size < whole.size(); ++size) survives(whole.substr(0, size));
    for (size_t i = 0; i < whole.size(); ++i) {
      for (const char flip : {'\x01', '\x80', '\xff'}) {
        std::string broken = whole;
        broken[i] = static_cast<char>(broken[i] ^ flip);
        survives(broken);
      }
    }
  }
}

TEST(Jpeg, CmykBecomesRgbAsPillowsDoes) {
  // Adobe keeps 255 - ink; quality 100 keeps flat colors.
  for (const bool ycck : {false, true}) {
    const SourceImage image = decode_text(plain_jpeg(4, 4, "\xc8\x64\x32\x80", ycck));
    EXPECT_EQ(image.channels, 3);
    ASSERT_EQ(image.pixels.size(), 48u);
    const int expected[] = {100, 50, 25};  // value * 128 / 255
    for (size_t i = 0; i < image.pixels.size(); ++i) EXPECT_NEAR(image.pixels[i], expected[i % 3], 2);
  }
}

/// A BMP of one row of 32-bit pixels with these masks.
std::string masked_bmp(const std::string& pixels, const std::vector<uint32_t>& masks, int height = 1) {
  const auto number = [](uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), 4); };
  const auto width = static_cast<uint32_t>(pixels.size() / 4);
  std::string header = number(56) + number(width) + number(static_cast<uint32_t>(height)) +
                       std::string("\x01\0\x20\0", 4) + number(3) + std::string(20, '\0');
  for (const uint32_t mask : masks) header += number(mask);
  return "BM" + number(0) + number(0) + number(14 + 56) + header + pixels;
}

TEST(Bmp, MasksAndAlpha) {
  const std::vector<uint32_t> masks{0xff0000, 0xff00, 0xff, 0xff000000};
  const std::string pixels("\x1e\x14\x0a\xff\x1e\x14\x0a\x00\x1e\x14\x0a\x80", 12);
  for (const int height : {1, -1}) {
    EXPECT_EQ(decode_text(masked_bmp(pixels, masks, height)).pixels,
              (std::vector<uint8_t>{10, 20, 30, 255, 255, 255, 132, 137, 142}));
  }
  EXPECT_EQ(decode_text(masked_bmp(pixels, {0x1f, 0x3e0, 0x7c00, 0})).pixels.size(), 9u);
  expect_error([&] { decode_text(masked_bmp(pixels, masks, 2)); }, {"x.img", "cut off"});
  expect_error([&] { decode_text(masked_bmp(pixels, masks, INT32_MIN)); }, {"x.img", "pixels"});
  expect_error([&] { decode_text(masked_bmp(pixels, masks, 0)); }, {"x.img", "pixels"});
  std::string packed = masked_bmp(pixels, masks);
  packed[30] = 4;
  expect_error([&] { decode_text(packed); }, {"x.img", "compression 4"});
  packed[30] = 1;
  expect_error([&] { decode_text(packed); }, {"x.img", "runs of 32 bits"});
}

TEST(Bmp, RunsStayWithinTheirRows) {
  std::string runs = golden_file("runs8.bmp");
  const size_t pixels = 14 + 40 + 4 * 10;
  ASSERT_EQ(runs[pixels], 7) << "a run of a whole row";
  runs[pixels] = 8;
  expect_error([&] { decode_text(runs); }, {"x.img", "passes the end of its row"});
  // A step, three to the right, in place of the run and the end of its row, and a run of the five bytes that follow.
  runs.replace(pixels, 4, std::string("\0\x02\x03\0", 4));
  runs.insert(pixels + 4, std::string("\x04\x02\0\0", 4));
  const SourceImage stepped = decode_text(runs);
  const uint8_t *row = stepped.pixels.data() + 4 * 7 * 3, *palette = reinterpret_cast<const uint8_t*>(&runs[14 + 40]);
  for (int i = 0; i < 7; ++i) EXPECT_EQ(row[3 * i], palette[4 * (i < 3 ? 0 : 2) + 2]) << i;
  runs[pixels + 3] = '\x05';
  expect_error([&] { decode_text(runs); }, {"x.img", "passes the end of its row"});
  runs[pixels + 3] = '\x06';
  expect_error([&] { decode_text(runs); }, {"x.img", "more rows than 5"});
}

/// A TIFF file of one strip of gray pixels of 16 bits, in the order of bytes of most machines.
std::string gray16_tiff(const std::vector<uint16_t>& pixels, uint16_t photometric) {
  const auto bytes = [](const auto& value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  std::string strip;
  for (const uint16_t pixel : pixels) strip += bytes(pixel);
  const auto width = static_cast<uint32_t>(pixels.size());
  const std::pair<uint16_t, uint32_t> entries[] = {
      {256, width}, {257, 1}, {258, 16}, {259, 1}, {262, photometric}, {273, 8}, {277, 1}, {278, 1}, {279, 2 * width}};
  std::string directory = bytes(static_cast<uint16_t>(std::size(entries)));
  for (const auto& [tag, value] : entries) {
    directory += bytes(tag) + bytes(uint16_t{4}) + bytes(uint32_t{1}) + bytes(value);
  }
  return "II" + bytes(uint16_t{42}) + bytes(8 + 2 * width) + strip + directory + bytes(uint32_t{0});
}

// As of a PNG file of 16 bits, the nearest of 256 levels.
TEST(Tiff, SixteenBitsAreRounded) {
  const std::vector<uint16_t> pixels{0, 127, 128, 129, 0x7fff, 0xff7e, 0xff7f, 0xffff};
  const SourceImage image = decode_text(gray16_tiff(pixels, /*photometric=*/1));
  EXPECT_EQ(image.channels, 1);
  EXPECT_EQ(image.pixels, (std::vector<uint8_t>{0, 0, 0, 1, 127, 254, 255, 255}));
  EXPECT_EQ(decode_text(gray16_tiff(pixels, /*photometric=*/0)).pixels,
            (std::vector<uint8_t>{255, 255, 255, 254, 128, 1, 0, 0}));
}

TEST(Gif, FramesBeyondTheCanvasAreCut) {
  std::string gif = golden_file("palette.gif");
  ASSERT_EQ(gif.substr(0, 6), "GIF87a");
  gif[6] = 3;  // the canvas's width
  const SourceImage image = decode_text(gif);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.height, 6);
}

TEST(Exif, DamagedBlocksAreUpright) {
  const std::string block("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 22);
  for (size_t size = 0; size <= block.size(); ++size) {
    const SourceImage image = decode_text(make_png(2, 1, 8, 0, "\x01\x02", png_chunk("eXIf", block.substr(0, size))));
    EXPECT_EQ(image.orientation, size == block.size() ? 6 : 1) << size;
  }
  std::string far = block;
  far[7] = '\xff';
  EXPECT_EQ(decode_text(make_png(2, 1, 8, 0, "\x01\x02", png_chunk("eXIf", far))).orientation, 1);
}

}  // namespace
}  // namespace dgl::test
