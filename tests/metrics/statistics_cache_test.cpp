#include "dgl/metrics/statistics_cache.h"

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "drawn_set.h"

namespace dgl::test {
namespace {

class StatisticsCacheTest : public ::testing::Test {
 protected:
  StatisticsCacheTest() : bars_(make_bars(folder_, "bars", 20)), network_(folder_.put("network", "weights")) {
    torch::manual_seed(1);
    StatisticsAccumulator sums;
    sums.add(torch::randn({20, 5}));
    statistics_ = sums.finish();
  }
  StatisticsCache cache(const std::string& distance = "fd_bars") const { return {bars_, network_, distance}; }
  std::optional<FeatureStatistics> read(int64_t dimensions = 5) {
    notes_.clear();
    return cache().read(dimensions, [&](const std::string& line) { notes_ += line; });
  }
  void write() {
    cache().write(statistics_, [&](const std::string& line) { notes_ += line; });
  }

  TemporaryFolder folder_;
  Dataset bars_;
  fs::path network_;
  FeatureStatistics statistics_;
  std::string notes_;
};

TEST_F(StatisticsCacheTest, GivesBackTheBits) {
  EXPECT_FALSE(read());
  EXPECT_EQ(notes_, "");
  write();
  EXPECT_EQ(cache().path().parent_path(), folder_.path());
  EXPECT_EQ(cache().path().filename().string().rfind("bars.fd_bars-", 0), 0u);
  const auto found = read();
  ASSERT_TRUE(found);
  EXPECT_TRUE(at::equal(found->mean, statistics_.mean));
  EXPECT_TRUE(at::equal(found->covariance, statistics_.covariance));
  EXPECT_EQ(found->count, 20);
  EXPECT_EQ(notes_, "");
}

TEST_F(StatisticsCacheTest, AnotherSetNetworkOrDistanceIsNotTakenForIt) {
  const fs::path first = cache().path();
  EXPECT_NE(cache("fid").path(), first);
  folder_.put("network", "Weights");
  EXPECT_NE(cache().path(), first);
  folder_.put("network", "weights");
  EXPECT_EQ(cache().path(), first);
  // One pixel of the set.
  std::string bytes = read_file(folder_ / "bars");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  const Dataset changed(folder_.put("changed/bars", bytes.substr(0, bytes.size() - 4) + std::string(4, '\0')));
  EXPECT_NE(StatisticsCache(changed, network_, "fd_bars").path().filename(), first.filename());
}

TEST_F(StatisticsCacheTest, EveryDamageIsNoticed) {
  write();
  const std::string whole = read_file(cache().path());
  const auto damaged = [&](const std::string& bytes) {
    write_file(cache().path(), bytes);
    const bool taken = read().has_value();
    EXPECT_NE(notes_.find("anew"), std::string::npos) << notes_;
    return !taken;
  };
  EXPECT_TRUE(damaged(whole.substr(0, whole.size() / 2)));
  EXPECT_TRUE(damaged("x"));
  // Any bit of the numbers: 30 of float64 at the end.
  for (size_t i = whole.size() - 240; i < whole.size(); i += 17) {
    std::string bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    EXPECT_TRUE(damaged(bytes)) << i;
  }
  // Whole, but of another network's width; and renamed from another set's.
  write_file(cache().path(), whole);
  EXPECT_FALSE(read(6));
  EXPECT_NE(notes_.find("anew"), std::string::npos) << notes_;
  const fs::path mine = cache().path();
  folder_.put("network", "others");
  fs::rename(mine, cache().path());
  EXPECT_FALSE(read());
  EXPECT_NE(notes_.find("other statistics"), std::string::npos) << notes_;
}

TEST_F(StatisticsCacheTest, AFolderThatCannotBeWrittenToIsNoError) {
  fs::create_directory(cache().path());
  write();
  EXPECT_NE(notes_.find("not kept"), std::string::npos) << notes_;
}

}  // namespace
}  // namespace dgl::test
