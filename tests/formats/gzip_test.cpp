#include "dgl/formats/gzip.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "temporary_folder.h"

namespace dgl {
namespace {

TEST(Gzip, GivesBackWhatWasCompressed) {
  const test::TemporaryFolder folder;
  std::string all;
  for (uint32_t i = 0; i < 300000; ++i) all += static_cast<char>(i * i >> 7);
  for (const std::string& bytes : {std::string(), std::string("a"), all}) {
    const std::string packed = gzip(bytes);
    EXPECT_EQ(packed.substr(0, 2), "\x1f\x8b");
    EXPECT_EQ(read_maybe_gzip(folder.put("x.gz", packed), 1 << 20), bytes);
  }
  EXPECT_EQ(gzip(all), gzip(all));
  EXPECT_LT(gzip(std::string(100000, 'a')).size(), 1000u);
}

}  // namespace
}  // namespace dgl
