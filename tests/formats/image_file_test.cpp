#include "dgl/formats/image_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "make_files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

using test::expect_error;
using test::make_png;
using test::plain_jpeg;
using test::plain_png;
using test::png_chunk;
using Bytes = std::vector<uint8_t>;

SourceImage decode(const std::string& file, bool header_only = false) {
  return decode_image({reinterpret_cast<const uint8_t*>(file.data()), file.size(), "x.img"}, header_only);
}

TEST(Png, GrayAndRgbAreKept) {
  const SourceImage gray = decode(make_png(2, 2, 8, 0, "\x01\x02\x03\xff"));
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.pixels, (Bytes{1, 2, 3, 255}));
  const SourceImage rgb = decode(make_png(2, 1, 8, 2, "\x01\x02\x03\xf1\xf2\xf3"));
  EXPECT_EQ(rgb.width, 2);
  EXPECT_EQ(rgb.height, 1);
  EXPECT_EQ(rgb.channels, 3);
  EXPECT_EQ(rgb.pixels, (Bytes{1, 2, 3, 0xf1, 0xf2, 0xf3}));
}

TEST(Png, SixteenBitsAreRoundedToEight) {
  const SourceImage gray = decode(make_png(3, 1, 16, 0, std::string("\x00\x7f\x80\x80\xff\xff", 6)));
  EXPECT_EQ(gray.pixels, (Bytes{0, 128, 255}));
  const SourceImage rgb = decode(make_png(1, 1, 16, 2, std::string("\x40\x40\x00\xff\x12\x12", 6)));
  EXPECT_EQ(rgb.pixels, (Bytes{0x40, 1, 0x12}));
}

TEST(Png, FewerBitsAndPalettesAreExpanded) {
  EXPECT_EQ(decode(make_png(8, 1, 1, 0, "\xa5")).pixels, (Bytes{255, 0, 255, 0, 0, 255, 0, 255}));
  EXPECT_EQ(decode(make_png(2, 1, 4, 0, "\x0f")).pixels, (Bytes{0, 255}));
  const std::string palette = png_chunk("PLTE", std::string("\x0a\x14\x1e\x28\x32\x3c", 6));
  const SourceImage image = decode(make_png(2, 1, 8, 3, std::string("\x01\x00", 2), palette));
  EXPECT_EQ(image.channels, 3);
  EXPECT_EQ(image.pixels, (Bytes{40, 50, 60, 10, 20, 30}));
  // The first entry of this palette is half transparent.
  const SourceImage half = decode(make_png(1, 1, 8, 3, std::string("\x00", 1), palette + png_chunk("tRNS", "\x80")));
  EXPECT_EQ(half.pixels, (Bytes{132, 137, 142}));
}

TEST(Png, TransparencyIsCompositedOnWhite) {
  const SourceImage rgba =
      decode(make_png(3, 1, 8, 6, std::string("\x0a\x14\x1e\xff\x0a\x14\x1e\x00\x0a\x14\x1e\x80", 12)));
  EXPECT_EQ(rgba.channels, 3);
  EXPECT_EQ(rgba.pixels, (Bytes{10, 20, 30, 255, 255, 255, 132, 137, 142}));
  const SourceImage gray = decode(make_png(2, 1, 8, 4, std::string("\x64\xff\x64\x00", 4)));
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.pixels, (Bytes{100, 255}));
}

TEST(Png, AGammaChunkChangesNothing) {
  const std::string gamma = png_chunk("gAMA", test::big_endian_32(100000));
  EXPECT_EQ(decode(make_png(2, 1, 8, 0, "\x40\x80", gamma)).pixels, (Bytes{0x40, 0x80}));
  EXPECT_EQ(decode(make_png(1, 1, 16, 0, "\x40\x40", gamma)).pixels, (Bytes{0x40}));
}

TEST(Png, TextsAreNotKept) {
  // Eight megabytes of text in eight thousand bytes, again and again.
  const std::string text = png_chunk("zTXt", std::string("k\0\0", 3) + test::deflated(std::string(8 << 20, 'x')));
  std::string chunks;
  for (int i = 0; i < 100; ++i) chunks += text;
  const auto peak_kib = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kib();
  EXPECT_EQ(decode(make_png(2, 1, 8, 0, "\x40\x80", chunks)).pixels, (Bytes{0x40, 0x80}));
  EXPECT_LT(peak_kib() - before, 64 << 10);
}

TEST(Png, EveryTruncationIsAnError) {
  const std::string whole = plain_png(9, 9, "abc");
  for (size_t size = 8; size < whole.size(); ++size) {
    expect_error([&] { decode(whole.substr(0, size)); }, {"x.img", "PNG"});
  }
}

TEST(Png, CorruptAndHostileFilesAreErrors) {
  const std::string whole = plain_png(9, 9, "abc");
  for (size_t i = 8; i < whole.size(); ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 0x55);
    try {
      decode(broken);  // some bytes do no harm
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("x.img"), std::string::npos);
    }
  }
  expect_error([&] { decode(make_png(40000, 40000, 8, 0, "")); }, {"x.img"});
  expect_error([&] { decode(make_png(32768, 32768, 8, 0, ""), true); }, {"x.img", "32768 x 32768"});
  expect_error([&] { decode(make_png(0, 3, 8, 0, "")); }, {"x.img"});
  expect_error([&] { decode(make_png(11000, 11000, 8, 2, "")); }, {"x.img"});
}

TEST(Jpeg, GrayAndColorAreDecoded) {
  const SourceImage gray = decode(plain_jpeg(9, 5, "d"));
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.width, 9);
  EXPECT_EQ(gray.height, 5);
  EXPECT_EQ(gray.pixels, Bytes(45, 'd'));
  const SourceImage rgb = decode(plain_jpeg(4, 4, "\xc8\x64\x32"));
  EXPECT_EQ(rgb.channels, 3);
  for (size_t i = 0; i < rgb.pixels.size(); ++i) EXPECT_NEAR(rgb.pixels[i], (Bytes{200, 100, 50})[i % 3], 2);
}

TEST(Jpeg, EveryTruncationIsAnError) {
  const std::string whole = plain_jpeg(40, 40, "abc");
  for (size_t size = 3; size < whole.size() - 2; size += 3) {
    expect_error([&] { decode(whole.substr(0, size)); }, {"x.img", "JPEG"});
  }
}

TEST(Jpeg, CorruptFilesNeverCrash) {
  const std::string whole = plain_jpeg(24, 24, "abc");
  for (size_t i = 3; i < whole.size(); ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 0xff);
    try {
      decode(broken);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("x.img"), std::string::npos);
    }
  }
}

TEST(DecodeImage, TheHeaderAloneGivesTheSizes) {
  for (const auto& [file, channels] : {std::pair{plain_png(7, 3, "abcd"), 3},
                                       {plain_png(7, 3, "ab"), 1},
                                       {plain_jpeg(7, 3, "a"), 1},
                                       {plain_jpeg(7, 3, "abc"), 3}}) {
    const SourceImage image = decode(file, true);
    EXPECT_EQ(image.width, 7);
    EXPECT_EQ(image.height, 3);
    EXPECT_EQ(image.channels, channels);
    EXPECT_TRUE(image.pixels.empty());
  }
}

TEST(DecodeImage, OtherFilesAreErrors) {
  expect_error([] { decode("GIF89a"); }, {"x.img", "GIF"});
  for (const char* file : {"", "BM", "RIFF1234WAVE", "II*", "%PDF-1.4"}) {
    expect_error([&] { decode(file); }, {"x.img", "expected a PNG, JPEG, WebP, TIFF, BMP or GIF"});
  }
}

}  // namespace
}  // namespace dgl
