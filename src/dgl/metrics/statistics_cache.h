#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "dgl/base/torch.h"
#include "dgl/data/dataset.h"
#include "dgl/metrics/features.h"
#include "dgl/metrics/frechet.h"

namespace dgl {

/// A file beside a dataset with the statistics of a network's features. Its metadata hold a key, a hash of the contents
/// of dataset and network, so that a change of either is noticed. The file name holds a hash of that key. A checksum
/// covers the numbers.
class StatisticsCache {
 public:
  /// Reads both files once to hash them.
  StatisticsCache(const Dataset& dataset, const std::filesystem::path& network_file, const std::string& distance);

  /// `D.dgldata.DISTANCE-KEY.safetensors`.
  const std::filesystem::path& path() const { return path_; }
  /// Returns the cached statistics, or nothing if there is no cache or it is damaged. Reports damage to `note`.
  std::optional<FeatureStatistics> read(int64_t dimensions, const std::function<void(const std::string&)>& note) const;
  /// Writes the cache, completely or not at all. Reports a folder that is not writable to `note` and does not throw.
  void write(const FeatureStatistics& statistics, const std::function<void(const std::string&)>& note) const;

 private:
  std::filesystem::path path_;
  std::string key_;
  int64_t count_;
};

/// Statistics of a set's images under a network that was loaded from `network_file`: those of the cache beside the set,
/// or else computed on `device` and written there. `note`, if any, receives informational messages.
FeatureStatistics cached_statistics(const Dataset& dataset, FeatureNetwork& network,
                                    const std::filesystem::path& network_file, torch::Device device,
                                    const std::function<void(const std::string&)>& note = {});

}  // namespace dgl
