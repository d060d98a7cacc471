#include "dgl/base/hash.h"

#include <gtest/gtest.h>

namespace dgl::test {
namespace {

TEST(Hash, IsXxh64) {
  // The test vectors of the xxHash project: bytes of a generator, lengths 0, 1, 14 and 222, seeds 0 and 0x9E3779B1.
  std::string bytes;
  uint64_t generator = 0x9E3779B1;
  for (int i = 0; i < 222; ++i) {
    bytes += static_cast<char>(generator >> 56);
    generator *= 0x9E3779B185EBCA8D;
  }
  const auto hash = [&](size_t length, uint64_t seed) { return xxh64(bytes.data(), length, seed); };
  EXPECT_EQ(hash(0, 0), 0xEF46DB3751D8E999);
  EXPECT_EQ(hash(0, 0x9E3779B1), 0xAC75FDA2929B17EF);
  EXPECT_EQ(hash(1, 0), 0xE934A84ADB052768);
  EXPECT_EQ(hash(1, 0x9E3779B1), 0x5014607643A9B4C3);
  EXPECT_EQ(hash(14, 0), 0x8282DCC4994E35C8);
  EXPECT_EQ(hash(14, 0x9E3779B1), 0xC3BD6BF63DEB6DF0);
  EXPECT_EQ(hash(222, 0), 0xB641AE8CB691C174);
  EXPECT_EQ(hash(222, 0x9E3779B1), 0x20CB8AB7AE10C14A);
  EXPECT_EQ(xxh64("abc", 3), 0x44BC2CF5AD770999);
  EXPECT_EQ(hex64(0xA5), "00000000000000a5");
}

}  // namespace
}  // namespace dgl::test
