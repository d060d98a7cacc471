#include "dgl/formats/gif_film.h"

#include <gif_lib.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <tuple>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"
#include "dgl/formats/image_file.h"
#include "dgl/formats/palette.h"

namespace dgl {
namespace {

/// What giflib reads of a film.
struct ReadFilm {
  torch::Tensor pictures;            ///< [N, H, W, 3] uint8
  std::vector<int> hundredths;       ///< of each picture
  std::vector<size_t> color_counts;  ///< that each picture uses
  bool repeats = false;
};

ReadFilm read_film(const std::string& bytes) {
  struct Reader {
    const std::string& bytes;
    size_t at = 0;
  } reader{bytes};
  int code = 0;
  GifFileType* gif = DGifOpen(
      &reader,
      [](GifFileType* file, GifByteType* to, int size) {
        auto& from = *static_cast<Reader*>(file->UserData);
        const size_t take = std::min(static_cast<size_t>(size), from.bytes.size() - from.at);
        std::memcpy(to, from.bytes.data() + from.at, take);
        from.at += take;
        return static_cast<int>(take);
      },
      &code);
  ReadFilm film;
  if (!gif || DGifSlurp(gif) != GIF_OK) {
    ADD_FAILURE() << "giflib cannot read the film";
    return film;
  }
  film.pictures = torch::zeros({gif->ImageCount, gif->SHeight, gif->SWidth, 3}, torch::kByte);
  uint8_t* to = film.pictures.data_ptr<uint8_t>();
  for (int i = 0; i < gif->ImageCount; ++i) {
    const SavedImage& image = gif->SavedImages[i];
    const ColorMapObject* colors = image.ImageDesc.ColorMap ? image.ImageDesc.ColorMap : gif->SColorMap;
    std::set<int> used;
    for (int p = 0; p < gif->SHeight * gif->SWidth; ++p) {
      const GifColorType color = colors->Colors[image.RasterBits[p]];
      used.insert(image.RasterBits[p]);
      *to++ = color.Red;
      *to++ = color.Green;
      *to++ = color.Blue;
    }
    film.color_counts.push_back(used.size());
    GraphicsControlBlock control{};
    EXPECT_EQ(DGifSavedExtensionToGCB(gif, i, &control), GIF_OK);
    film.hundredths.push_back(control.DelayTime);
    for (int e = 0; e < image.ExtensionBlockCount; ++e) {
      const ExtensionBlock& block = image.ExtensionBlocks[e];
      film.repeats |= block.ByteCount == 11 && std::memcmp(block.Bytes, "NETSCAPE2.0", 11) == 0;
    }
  }
  DGifCloseFile(gif, nullptr);
  return film;
}

/// A smooth color picture [1, size, size, 3] of many more than 256 colors.
torch::Tensor smooth_picture(int64_t size) {
  const auto ramp = torch::linspace(0, 255, size);
  const auto x = ramp.view({1, 1, size}).expand({1, size, size}), y = ramp.view({1, size, 1}).expand({1, size, size});
  return torch::stack({x, y, (x * 0.5 + (255 - y) * 0.5)}, 3).round().to(torch::kByte);
}

double root_mean_square(const torch::Tensor& a, const torch::Tensor& b) {
  return std::sqrt((a.to(torch::kDouble) - b.to(torch::kDouble)).square().mean().item<double>());
}

TEST(GifFilm, KeepsGrayExactly) {
  torch::manual_seed(1);
  const auto pictures = torch::randint(0, 256, {3, 17, 23, 1}, torch::kByte);
  const std::string file = encode_gif(pictures, {.hundredths = 7});
  const ReadFilm film = read_film(file);
  ASSERT_EQ(film.pictures.sizes(), torch::IntArrayRef({3, 17, 23, 3}));
  EXPECT_TRUE(torch::equal(film.pictures, pictures.expand({3, 17, 23, 3})));
  EXPECT_EQ(film.hundredths, (std::vector<int>{7, 7, 7}));
  EXPECT_TRUE(film.repeats);
  const auto* data = reinterpret_cast<const uint8_t*>(file.data());
  const SourceImage first = decode_image({data, file.size(), "film.gif"});
  EXPECT_EQ(first.channels, 1);
  EXPECT_TRUE(std::equal(first.pixels.begin(), first.pixels.end(), pictures.data_ptr<uint8_t>()));
}

TEST(GifFilm, KeepsFewColorsExactly) {
  torch::manual_seed(2);
  const auto colors = torch::randint(0, 256, {256, 3}, torch::kByte);
  const auto pictures = colors.index_select(0, torch::randint(256, {2 * 40 * 30}, torch::kLong)).view({2, 40, 30, 3});
  EXPECT_TRUE(torch::equal(read_film(encode_gif(pictures)).pictures, pictures));
  EXPECT_TRUE(torch::equal(read_film(encode_gif(pictures, {.dither = true})).pictures, pictures));
}

// 256 colors of a square of 64 x 64 different ones lie four apart along its sides, so that the mean error is near 4 /
// sqrt(12) of a step, which is 4 of 255, in two of the channels.
TEST(GifFilm, ChoosesColorsThatAreNear) {
  const auto picture = smooth_picture(64);
  const ReadFilm film = read_film(encode_gif(picture));
  EXPECT_LT(root_mean_square(film.pictures, picture), 5.5);
  EXPECT_GT(film.color_counts[0], 240u);
}

TEST(GifFilm, DitheringKeepsTheMeanColors) {
  const auto picture = smooth_picture(256);
  const auto plain = read_film(encode_gif(picture)).pictures;
  const auto dithered = read_film(encode_gif(picture, {.dither = true})).pictures;
  const auto means = [](const torch::Tensor& t) {
    return torch::avg_pool2d(t.permute({0, 3, 1, 2}).to(torch::kFloat), 4);
  };
  EXPECT_GT(root_mean_square(dithered, picture), root_mean_square(plain, picture));
  EXPECT_LT(root_mean_square(means(dithered), means(picture)), 0.6 * root_mean_square(means(plain), means(picture)));
}

TEST(GifFilm, EachPictureHasItsOwnColors) {
  const auto one = smooth_picture(48), other = 255 - one;
  const auto film = read_film(encode_gif(at::cat({one, other}))).pictures;
  EXPECT_TRUE(torch::equal(film.slice(0, 0, 1), read_film(encode_gif(one)).pictures));
  EXPECT_TRUE(torch::equal(film.slice(0, 1, 2), read_film(encode_gif(other)).pictures));
}

TEST(GifFilm, RefusesWhatItCannotHold) {
  EXPECT_THROW(encode_gif(torch::zeros({2, 4, 4, 3})), Error);
  EXPECT_THROW(encode_gif(torch::zeros({4, 4, 3}, torch::kByte)), Error);
  EXPECT_THROW(encode_gif(torch::zeros({1, 4, 4, 2}, torch::kByte)), Error);
  EXPECT_THROW(encode_gif(torch::zeros({1, 1, 70000, 1}, torch::kByte)), Error);
  EXPECT_THROW(encode_gif(torch::zeros({1, 4, 4, 1}, torch::kByte), {.hundredths = 1}), Error);
}

TEST(Palette, TwoCloudsGetTheirMeans) {
  std::vector<uint8_t> pixels;
  for (int i = 0; i < 100; ++i) {
    for (const int value : {10 + i % 3, 20, 30}) pixels.push_back(static_cast<uint8_t>(value));
    for (const int value : {200, 100 + i % 5, 50}) pixels.push_back(static_cast<uint8_t>(value));
  }
  auto palette = choose_palette(pixels.data(), pixels.size() / 3, 2);
  ASSERT_EQ(palette.size(), 2u);
  std::sort(palette.begin(), palette.end(), [](const auto& a, const auto& b) { return a.red < b.red; });
  EXPECT_EQ(palette[0], (PaletteColor{11, 20, 30}));
  EXPECT_EQ(palette[1], (PaletteColor{200, 102, 50}));
}

TEST(Palette, FewColorsAreTheirOwnPalette) {
  const std::vector<uint8_t> pixels{5, 5, 5, 1, 2, 3, 5, 5, 5, 0, 0, 0};
  const auto palette = choose_palette(pixels.data(), 4);
  ASSERT_EQ(palette, (std::vector<PaletteColor>{{0, 0, 0}, {1, 2, 3}, {5, 5, 5}}));
  EXPECT_EQ(map_to_palette(pixels.data(), 2, 2, palette, false), (std::vector<uint8_t>{2, 1, 2, 0}));
  EXPECT_EQ(map_to_palette(pixels.data(), 2, 2, palette, true), (std::vector<uint8_t>{2, 1, 2, 0}));
}

}  // namespace
}  // namespace dgl
