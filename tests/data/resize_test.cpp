#include "dgl/data/resize.h"

#include <gtest/gtest.h>

#include <numeric>

#include "temporary_folder.h"

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
  EXPECT_EQ(resize(pattern(5, 5, 1), 8).pixels,
            (std::vector<uint8_t>{0,   5,   33,  51,  68,  93,  122, 136, 23,  32,  65,  109, 140, 162, 191, 206,
                                  98,  115, 144, 160, 177, 205, 236, 251, 177, 220, 223, 102, 48,  91,  125, 134,
                                  127, 171, 175, 56,  0,   45,  100, 124, 18,  36,  70,  90,  107, 139, 183, 206,
                                  55,  69,  110, 156, 210, 228, 163, 105, 119, 138, 175, 193, 251, 255, 121, 3}));
}

TEST(ResizeLanczos, ReducesAsPillow) {
  EXPECT_EQ(resize(pattern(16, 16, 1), 8).pixels,
            (std::vector<uint8_t>{82,  132, 159, 104, 105, 134, 136, 92,  119, 122, 147, 130, 128, 118, 124, 117,
                                  139, 159, 152, 157, 139, 92,  129, 128, 132, 142, 144, 122, 115, 140, 144, 135,
                                  114, 145, 114, 126, 160, 156, 145, 155, 136, 108, 116, 138, 121, 138, 153, 115,
                                  153, 125, 112, 153, 144, 119, 160, 112, 159, 158, 144, 131, 139, 114, 154, 127}));
}

TEST(ResizeLanczos, ReducesColorByAFractionAsPillow) {
  EXPECT_EQ(
      resize(pattern(13, 13, 3), 8).pixels,
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
      EXPECT_EQ(resize(constant(from, from, 3, value), 8).pixels, constant(8, 8, 3, value).pixels);
    }
  }
  const SourceImage image = resize(pattern(9, 9, 1), 8);
  EXPECT_EQ(image.label, 4);
  EXPECT_EQ(image.width, 8);
  EXPECT_EQ(image.height, 8);
}

TEST(ResizeLanczos, ReducingKeepsTheMean) {
  const SourceImage image = pattern(64, 64, 1);
  EXPECT_NEAR(mean(resize(image, 16).pixels), mean(image.pixels), 1.0);
}

TEST(ResizeLanczos, AveragesAwayWhatTheSmallImageCannotShow) {
  SourceImage board = constant(64, 64, 1, 0);
  for (size_t i = 0; i < board.pixels.size(); ++i) board.pixels[i] = (i + i / 64) % 2 ? 255 : 0;
  const SourceImage small = resize(board, 16);
  for (int64_t y = 4; y < 12; ++y) {
    for (int64_t x = 4; x < 12; ++x) EXPECT_NEAR(small.pixels[static_cast<size_t>(y * 16 + x)], 127.5, 2);
  }
}

TEST(ResizeLanczos, IsSymmetric) {
  SourceImage image = pattern(11, 11, 1), turned = image;
  std::reverse(turned.pixels.begin(), turned.pixels.end());
  SourceImage small = resize(image, 8);
  std::reverse(small.pixels.begin(), small.pixels.end());
  const SourceImage other = resize(turned, 8);
  for (size_t i = 0; i < 64; ++i) EXPECT_NEAR(small.pixels[i], other.pixels[i], 1);
}

// The expected bytes are Pillow 9.4's: Image.resize((8, 8), …) of the pattern of 5, 13 and 16 pixels.
TEST(ResizeBoxAndBicubic, EnlargeAndReduceAsPillow) {
  struct Row {
    ResizeFilter filter;
    int64_t from;
    std::vector<uint8_t> expected;
  };
  const Row rows[] = {
      {ResizeFilter::box, 5, {0,   0,   37,  74,  74,  111, 148, 148, 0,   0,   37,  74,  74,  111, 148, 148,
                              91,  91,  131, 171, 171, 211, 251, 251, 182, 182, 225, 12,  12,  55,  98,  98,
                              182, 182, 225, 12,  12,  55,  98,  98,  17,  17,  63,  109, 109, 155, 201, 201,
                              108, 108, 157, 206, 206, 255, 48,  48,  108, 108, 157, 206, 206, 255, 48,  48}},
      {ResizeFilter::box, 13, {65,  123, 181, 130, 59,  117, 175, 105, 204, 12,  77,  163, 227, 36,  100, 165,
                               87,  158, 165, 132, 139, 147, 154, 97,  144, 96,  176, 155, 107, 124, 140, 92,
                               154, 241, 72,  188, 19,  106, 193, 152, 101, 131, 161, 94,  187, 153, 119, 149,
                               176, 20,  121, 127, 99,  200, 44,  145, 123, 166, 81,  160, 139, 119, 98,  141}},
      {ResizeFilter::box, 16, {65,  142, 155, 104, 117, 130, 143, 92,  122, 83,  172, 133, 94,  119, 144, 105,
                               179, 152, 125, 162, 135, 108, 145, 118, 108, 157, 142, 127, 112, 161, 146, 131,
                               101, 162, 95,  156, 153, 150, 147, 144, 158, 103, 112, 121, 130, 139, 148, 93,
                               151, 108, 129, 150, 171, 128, 149, 106, 144, 177, 146, 115, 148, 117, 150, 119}},
      {ResizeFilter::bicubic, 5, {0,   6,   32,  55,  79,  102, 128, 144, 30,  44,  72,  105, 134, 156, 183, 199,
                                  94,  112, 140, 158, 180, 206, 234, 251, 169, 198, 210, 94,  50,  91,  121, 139,
                                  138, 166, 180, 65,  22,  64,  101, 123, 18,  37,  69,  91,  115, 145, 182, 205,
                                  60,  80,  115, 154, 194, 219, 158, 106, 110, 132, 167, 198, 238, 255, 128, 21}},
      {ResizeFilter::bicubic, 13, {49,  113, 174, 146, 85,  102, 143, 119, 152, 98,  135, 136, 145, 96,  137, 106,
                                   90,  159, 158, 142, 135, 149, 120, 100, 163, 131, 158, 164, 149, 126, 109, 91,
                                   116, 159, 135, 132, 108, 122, 147, 151, 108, 127, 153, 87,  152, 158, 151, 142,
                                   152, 105, 119, 129, 125, 137, 137, 140, 123, 143, 74,  149, 147, 121, 119, 138}},
      {ResizeFilter::bicubic, 16, {81,  134, 155, 109, 107, 131, 137, 91,  118, 117, 152, 133, 121, 118, 129, 112,
                                   147, 156, 149, 156, 139, 99,  130, 125, 127, 146, 145, 123, 119, 140, 143, 136,
                                   113, 143, 114, 132, 155, 153, 146, 153, 138, 109, 114, 134, 125, 139, 151, 114,
                                   151, 126, 116, 151, 146, 124, 154, 114, 156, 160, 143, 129, 138, 118, 149, 126}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(resize(pattern(row.from, row.from, 1), 8, row.filter).pixels, row.expected) << row.from;
  }
}

TEST(ResizeBoxAndBicubic, ABoxIsAMean) {
  const SourceImage image = pattern(32, 32, 3), small = resize(image, 8, ResizeFilter::box);
  for (int64_t y = 0; y < 8; ++y) {
    for (int64_t x = 0; x < 8; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (int64_t i = 0; i < 16; ++i) {
          sum += image.pixels[static_cast<size_t>(((4 * y + i / 4) * 32 + 4 * x + i % 4) * 3 + c)];
        }
        EXPECT_NEAR(small.pixels[static_cast<size_t>((y * 8 + x) * 3 + c)], sum / 16, 1);  // rounded twice
      }
    }
  }
}

TEST(ResizeBoxAndBicubic, KeepAConstant) {
  for (const int64_t from : {3, 8, 17, 100}) {
    for (const ResizeFilter filter : {ResizeFilter::box, ResizeFilter::bicubic}) {
      EXPECT_EQ(resize(constant(from, from, 3, 77), 8, filter).pixels, constant(8, 8, 3, 77).pixels);
    }
  }
}

TEST(ResizeFilters, HaveNames) {
  EXPECT_EQ(parse_resize_filter("bicubic", "--filter"), ResizeFilter::bicubic);
  test::expect_error([] { parse_resize_filter("cubic", "--filter"); },
                     {"--filter", "cubic", "box, bicubic or lanczos"});
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
