#include "dgl/report/image_grid.h"

#include <gtest/gtest.h>
#include <png.h>
#include <unistd.h>

#include <filesystem>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"

namespace dgl {
namespace {

/// A PNG file's bytes as [H, W, C] uint8, by libpng's own reader, not by this project's.
torch::Tensor decode(const void* data, size_t size) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_TRUE(png_image_begin_read_from_memory(&image, data, size)) << image.message;
  image.format &= PNG_FORMAT_FLAG_COLOR;
  const int64_t channels = image.format == PNG_FORMAT_GRAY ? 1 : 3;
  torch::Tensor picture = torch::empty({image.height, image.width, channels}, torch::kUInt8);
  EXPECT_TRUE(png_image_finish_read(&image, nullptr, picture.data_ptr(), 0, nullptr)) << image.message;
  return picture;
}

std::string message(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(ImageGrid, TilesRowByRowAndLeavesTheRestBlack) {
  // Five images of 2 x 3 pixels; image i holds 10 * i + 1 everywhere, but 200 + i in its lower right corner.
  torch::Tensor images = torch::zeros({5, 1, 2, 3}, torch::kUInt8);
  for (int i = 0; i < 5; ++i) {
    images[i].fill_(10 * i + 1);
    images[i][0][1][2] = 200 + i;
  }
  const torch::Tensor grid = image_grid(images, 2);
  ASSERT_EQ(grid.sizes(), torch::IntArrayRef({6, 6, 1}));
  for (int i = 0; i < 6; ++i) {
    const int top = i / 2 * 2, left = i % 2 * 3;
    EXPECT_EQ(grid[top][left][0].item<int>(), i < 5 ? 10 * i + 1 : 0);
    EXPECT_EQ(grid[top + 1][left + 2][0].item<int>(), i < 5 ? 200 + i : 0);
    EXPECT_EQ(grid[top][left + 2][0].item<int>(), i < 5 ? 10 * i + 1 : 0);
  }
}

TEST(ImageGrid, PutsChannelsLast) {
  torch::Tensor images = torch::zeros({2, 3, 1, 1}, torch::kUInt8);
  for (int i = 0; i < 6; ++i) images[i / 3][i % 3][0][0] = i + 1;
  const torch::Tensor grid = image_grid(images, 2);
  ASSERT_EQ(grid.sizes(), torch::IntArrayRef({1, 2, 3}));
  EXPECT_TRUE(torch::equal(grid.flatten(), torch::arange(1, 7).to(torch::kUInt8)));
}

TEST(ImageGrid, MapsMinusOneToOneOntoBytesAndClampsBeyond) {
  const torch::Tensor values = torch::tensor({-7.0, -1.0, 0.0, 1.0, 7.0});
  EXPECT_TRUE(torch::equal(image_grid(values.view({5, 1, 1, 1}), 5).flatten(),
                           torch::tensor({0, 0, 128, 255, 255}, torch::kUInt8)));
  // Every byte survives the way to -1 ... 1 and back.
  const torch::Tensor bytes = torch::arange(256).to(torch::kUInt8);
  EXPECT_TRUE(
      torch::equal(image_grid((bytes.to(torch::kFloat32) / 127.5 - 1).view({1, 1, 16, 16}), 1).flatten(), bytes));
}

TEST(ImageGrid, IsNoWiderThanItsImages) {
  EXPECT_EQ(image_grid(torch::zeros({3, 1, 4, 4}), 8).sizes(), torch::IntArrayRef({4, 12, 1}));
}

TEST(ImageGrid, SaysWhatItExpects) {
  EXPECT_NE(message([] { image_grid(torch::zeros({3, 4, 4}), 2); }).find("got [3, 4, 4]"), std::string::npos);
  EXPECT_NE(message([] { image_grid(torch::zeros({3, 2, 4, 4}), 2); }).find("C 1 or 3"), std::string::npos);
  EXPECT_NE(message([] { image_grid(torch::zeros({0, 3, 4, 4}), 2); }).find("got [0, 3, 4, 4]"), std::string::npos);
  EXPECT_NE(message([] { image_grid(torch::zeros({1, 3, 4, 4}), 0); }).find("columns, got 0"), std::string::npos);
  EXPECT_NE(message([] {
              image_grid(torch::zeros({1, 3, 4, 4}, torch::kInt64), 1);
            }).find("got Long"),
            std::string::npos);
  EXPECT_NE(message([] { image_grid(torch::full({1, 1, 2, 2}, NAN), 1); }).find("not finite"), std::string::npos);
}

TEST(EncodePng, GivesBackGreyAndColor) {
  torch::manual_seed(1);
  for (const int64_t channels : {1, 3}) {
    const torch::Tensor picture = torch::randint(0, 256, {37, 53, channels}, torch::kUInt8);
    const std::vector<uint8_t> file = encode_png(picture);
    EXPECT_TRUE(torch::equal(decode(file.data(), file.size()), picture));
    // A view with other strides is the same picture.
    const std::vector<uint8_t> turned = encode_png(picture.transpose(0, 1));
    EXPECT_TRUE(torch::equal(decode(turned.data(), turned.size()), picture.transpose(0, 1)));
  }
}

TEST(EncodePng, SaysWhatItExpects) {
  EXPECT_NE(message([] { encode_png(torch::zeros({4, 4, 3})); }).find("of Float"), std::string::npos);
  EXPECT_NE(message([] {
              encode_png(torch::zeros({4, 4, 4}, torch::kUInt8));
            }).find("got [4, 4, 4]"),
            std::string::npos);
  EXPECT_NE(message([] { encode_png(torch::zeros({4, 4}, torch::kUInt8)); }).find("got [4, 4]"), std::string::npos);
  EXPECT_NE(message([] {
              encode_png(torch::zeros({0, 4, 1}, torch::kUInt8));
            }).find("got [0, 4, 1]"),
            std::string::npos);
}

class WriteGrid : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("dgl_write_grid_{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

TEST_F(WriteGrid, EnlargesPixels) {
  const torch::Tensor images = torch::tensor({1, 2, 3, 4, 5, 6, 7, 8}, torch::kUInt8).view({2, 1, 2, 2});
  write_grid(folder_ / "grid.png", images, 2, 3);
  const std::string file = read_file(folder_ / "grid.png");
  const torch::Tensor picture = decode(file.data(), file.size());
  ASSERT_EQ(picture.sizes(), torch::IntArrayRef({6, 12, 1}));
  for (int y = 0; y < 6; ++y) {
    for (int x = 0; x < 12; ++x) {
      EXPECT_EQ(picture[y][x][0].item<int>(), images[x / 6][0][y / 3][x / 3 % 2].item<int>()) << y << " " << x;
    }
  }
}

TEST_F(WriteGrid, NamesThePathItCannotWriteAndLeavesNothing) {
  const fs::path path = folder_ / "missing" / "grid.png";
  const std::string text = message([&] { write_grid(path, torch::zeros({1, 1, 2, 2}), 1); });
  EXPECT_NE(text.find(path.string()), std::string::npos) << text;
  EXPECT_NE(message([&] {
              write_grid(folder_ / "a.png", torch::zeros({1, 1, 2, 2}), 1, 0);
            }).find("scale"),
            std::string::npos);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace dgl
