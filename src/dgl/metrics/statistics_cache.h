#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "dgl/data/dataset.h"
#include "dgl/metrics/frechet.h"

namespace dgl {

/// A file beside a dataset with the statistics of a network's features on it. Its name and its metadata hold a key made
/// of the contents of dataset and network, so that neither can change unnoticed; the numbers are covered by a checksum.
class StatisticsCache {
 public:
  /// Reads both files once, to hash them.
  StatisticsCache(const Dataset& dataset, const std::filesystem::path& network_file, const std::string& distance);

  /// `D.dgldata.DISTANCE-KEY.safetensors`.
  const std::filesystem::path& path() const { return path_; }
  /// What the cache holds; nothing if there is none or it is damaged, and then `note` is told why.
  std::optional<FeatureStatistics> read(int64_t dimensions, const std::function<void(const std::string&)>& note) const;
  /// Writes it whole or not at all; a folder that cannot be written to is told to `note` and is no error.
  void write(const FeatureStatistics& statistics, const std::function<void(const std::string&)>& note) const;

 private:
  std::filesystem::path path_;
  std::string key_;
  int64_t count_;
};

}  // namespace dgl
