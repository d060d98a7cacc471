#include "dgl/data/resize.h"

#include <gtest/gtest.h>

#include <numeric>

namespace dgl {
namespace {

/// Pixel [y, x, c] is (37 x + 91 y + 50 c + 3 x y) modulo 256.
SourceImage pattern(int64_t height, int64_t width, int64_t channels) {
  SourceImage image{height, width, channels, {}, 4};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      for (int64_t c = 0; c < channels; ++c)
        image.pixels.push_back(static_cast<uint8_t>(x * 37 + y * 91 + c * 50 + x * y * 3));
    }
  }
  return image;
}

SourceImage constant(int64_t height, int64_t width, int64_t channels, uint8_t value) {
  return {height, width, channels, std::vector<uint8_t>(static_cast<size_t>(height * width * channels), value), 0};
}

double mean(const std::vector<uint8_t>& pixels) {
  return std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
}

// The expected bytes of these three are Pillow 9.4's: Image.resize((8, 8), Image.LANCZOS) of the pattern.
TEST(ResizeLanczos, EnlargesAsPillow) {
  EXPECT_EQ(resize_lanczos(pattern(5, 5, 1), 8).pixels,
            (std::vector<uint8_t>{0,   5,   33,  51,  68,  93,  122, 136, 23,  32,  65,  109, 140, 162, 191, 206,
                                  98,  115, 144, 160, 177, 205, 236, 251, 177, 220, 223, 102, 48,  91,  125, 134,
                                  127, 171, 175, 56,  0,   45,  100, 124, 18,  36,  70,  90,  107, 139, 183, 206,
                                  55,  69,  110, 156, 210, 228, 163, 105, 119, 138, 175, 193, 251, 255, 121, 3}));
}

TEST(ResizeLanczos, ReducesAsPillow) {
  EXPECT_EQ(resize_lanczos(pattern(16, 16, 1), 8).pixels,
            (std::vector<uint8_t>{82,  132, 159, 104, 105, 134, 136, 92,  119, 122, 147, 130, 128, 118, 124, 117,
                                  139, 159, 152, 157, 139, 92,  129, 128, 132, 142, 144, 122, 115, 140, 144, 135,
                                  114, 145, 114, 126, 160, 156, 145, 155, 136, 108, 116, 138, 121, 138, 153, 115,
                                  153, 125, 112, 153, 144, 119, 160, 112, 159, 158, 144, 131, 139, 114, 154, 127}));
}

TEST(ResizeLanczos, ReducesColorByAFractionAsPillow) {
  EXPECT_EQ(
      resize_lanczos(pattern(13, 13, 3), 8).pixels,
      (std::vector<uint8_t>{
          51,  108, 161, 117, 143, 121, 174, 113, 159, 146, 137, 97,  86,  83,  147, 101, 159, 154, 144, 130, 166, 119,
          171, 134, 153, 136, 105, 94,  106, 127, 139, 120, 144, 136, 152, 143, 138, 113, 129, 103, 146, 138, 141, 109,
          132, 96,  149, 135, 90,  140, 107, 159, 86,  122, 152, 156, 156, 145, 134, 143, 134, 153, 148, 150, 134, 119,
          118, 100, 134, 101, 150, 130, 165, 154, 103, 139, 113, 135, 154, 147, 158, 162, 165, 150, 161, 132, 99,  122,
          109, 162, 101, 84,  154, 95,  148, 118, 115, 140, 137, 151, 137, 140, 137, 159, 130, 132, 109, 87,  103, 104,
          113, 120, 125, 133, 148, 154, 137, 153, 143, 117, 109, 92,  128, 129, 138, 125, 152, 149, 150, 91,  145, 110,
          149, 137, 135, 160, 153, 131, 157, 131, 124, 138, 141, 113, 150, 97,  156, 108, 116, 107, 123, 136, 162, 125,
          98,  155, 128, 117, 114, 130, 117, 95,  144, 127, 113, 138, 133, 111, 124, 105, 161, 142, 109, 144, 70,  135,
          113, 150, 147, 119, 147, 91,  153, 118, 105, 147, 122, 103, 103, 137, 150, 109}));
}

TEST(ResizeLanczos, KeepsAConstantAndTheLabel) {
  for (const int64_t from : {3, 8, 17, 100}) {
    for (const uint8_t value : {uint8_t{0}, uint8_t{1}, uint8_t{77}, uint8_t{255}}) {
      EXPECT_EQ(resize_lanczos(constant(from, from, 3, value), 8).pixels, constant(8, 8, 3, value).pixels);
    }
  }
  const SourceImage image = resize_lanczos(pattern(9, 9, 1), 8);
  EXPECT_EQ(image.label, 4);
  EXPECT_EQ(image.width, 8);
  EXPECT_EQ(image.height, 8);
}

TEST(ResizeLanczos, ReducingKeepsTheMean) {
  const SourceImage image = pattern(64, 64, 1);
  EXPECT_NEAR(mean(resize_lanczos(image, 16).pixels), mean(image.pixels), 1.0);
}

TEST(ResizeLanczos, AveragesAwayWhatTheSmallImageCannotShow) {
  SourceImage board = constant(64, 64, 1, 0);
  for (size_t i = 0; i < board.pixels.size(); ++i) board.pixels[i] = (i + i / 64) % 2 ? 255 : 0;
  const SourceImage small = resize_lanczos(board, 16);
  for (int64_t y = 4; y < 12; ++y) {
    for (int64_t x = 4; x < 12; ++x) EXPECT_NEAR(small.pixels[static_cast<size_t>(y * 16 + x)], 127.5, 2);
  }
}

TEST(ResizeLanczos, IsSymmetric) {
  SourceImage image = pattern(11, 11, 1), turned = image;
  std::reverse(turned.pixels.begin(), turned.pixels.end());
  SourceImage small = resize_lanczos(image, 8);
  std::reverse(small.pixels.begin(), small.pixels.end());
  const SourceImage other = resize_lanczos(turned, 8);
  for (size_t i = 0; i < 64; ++i) EXPECT_NEAR(small.pixels[i], other.pixels[i], 1);
}

TEST(CenterCrop, TakesTheMiddleSquare) {
  const SourceImage wide = center_crop(pattern(2, 5, 3));
  EXPECT_EQ(wide.width, 2);
  EXPECT_EQ(wide.height, 2);
  EXPECT_EQ(wide.label, 4);
  const SourceImage whole = pattern(2, 5, 3);
  for (int64_t y = 0; y < 2; ++y) {
    for (int64_t k = 0; k < 6; ++k)
      EXPECT_EQ(wide.pixels[static_cast<size_t>(6 * y + k)], whole.pixels[static_cast<size_t>(15 * y + 3 + k)]);
  }
  const SourceImage high = center_crop(pattern(6, 2, 1)), all = pattern(6, 2, 1);
  EXPECT_EQ(high.pixels, (std::vector<uint8_t>(all.pixels.begin() + 4, all.pixels.begin() + 8)));
}

TEST(PadTo, PutsZerosAround) {
  const SourceImage padded = pad_to(constant(4, 4, 1, 9), 8);
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 8; ++x) {
      EXPECT_EQ(padded.pixels[static_cast<size_t>(8 * y + x)], y >= 2 && y < 6 && x >= 2 && x < 6 ? 9 : 0);
    }
  }
}

// The luma values are Pillow 9.4's: Image.convert("L") of the pattern.
TEST(WithChannels, GrayIsPillowsLuma) {
  EXPECT_EQ(with_channels(pattern(4, 4, 3), 1).pixels,
            (std::vector<uint8_t>{41, 78, 115, 152, 132, 172, 183, 72, 194, 86, 53, 96, 58, 104, 150, 196}));
  EXPECT_EQ(with_channels({1, 2, 1, {3, 200}, 0}, 3).pixels, (std::vector<uint8_t>{3, 3, 3, 200, 200, 200}));
}

}  // namespace
}  // namespace dgl
