#include "dgl/metrics/statistics_cache.h"

#include <cstdint>

#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/hash.h"
#include "dgl/base/json.h"
#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/dataset_statistics.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr const char* kKey = "dgl_statistics";

uint64_t hash_of(const fs::path& path) {
  const MappedFile file(path);
  return xxh64(file.data(), file.size());
}

std::string checksum(const Tensor& mean, const Tensor& covariance) {
  const auto hash = [](const Tensor& tensor, uint64_t seed) {
    return xxh64(tensor.data_ptr<double>(), static_cast<size_t>(tensor.numel()) * sizeof(double), seed);
  };
  return hex64(hash(covariance, hash(mean, 0)));
}

}  // namespace

StatisticsCache::StatisticsCache(const Dataset& dataset, const fs::path& network_file, const std::string& distance)
    : key_(hex64(hash_of(dataset.path())) + hex64(hash_of(network_file))), count_(dataset.info().count) {
  path_ = dataset.path();
  path_ += fmt::format(".{}-{}.safetensors", distance, hex64(xxh64(key_.data(), key_.size())));
}

std::optional<FeatureStatistics> StatisticsCache::read(int64_t dimensions,
                                                       const std::function<void(const std::string&)>& note) const {
  if (!fs::exists(path_)) return std::nullopt;
  try {
    const std::string origin = path_.string();
    const TensorFile file = load_safetensors(path_);
    const auto found = file.metadata.find(kKey);
    const auto json = found == file.metadata.end() ? nlohmann::json() : parse_json(found->second);
    const Tensor &mean = file.at("mean", origin), &covariance = file.at("covariance", origin);
    const bool shaped = mean.scalar_type() == torch::kDouble && covariance.scalar_type() == torch::kDouble &&
                        mean.sizes() == at::IntArrayRef{dimensions} &&
                        covariance.sizes() == at::IntArrayRef{dimensions, dimensions};
    if (!json.is_object() || json.value("key", "") != key_ || json.value("count", int64_t{0}) != count_ || !shaped) {
      fail_file("{}: other statistics than its name says", origin);
    }
    if (json.value("checksum", "") != checksum(mean, covariance)) fail_file("{}: the checksum does not match", origin);
    return FeatureStatistics{mean, covariance, count_};
  } catch (const Error& error) {
    note(fmt::format("{}; the statistics are computed anew", error.what()));
  } catch (const nlohmann::json::exception&) {
    note(fmt::format("{}: damaged metadata; the statistics are computed anew", path_.string()));
  }
  return std::nullopt;
}

void StatisticsCache::write(const FeatureStatistics& statistics,
                            const std::function<void(const std::string&)>& note) const {
  const Tensor mean = statistics.mean.contiguous(), covariance = statistics.covariance.contiguous();
  TensorFile file{{{"mean", mean}, {"covariance", covariance}}, {}};
  file.metadata[kKey] =
      nlohmann::json({{"key", key_}, {"count", count_}, {"checksum", checksum(mean, covariance)}}).dump();
  try {
    save_safetensors(path_, file);
  } catch (const Error& error) {
    note(fmt::format("{}; the statistics are not kept", error.what()));
  }
}

FeatureStatistics cached_statistics(const Dataset& dataset, FeatureNetwork& network, const fs::path& network_file,
                                    torch::Device device, const std::function<void(const std::string&)>& note) {
  const auto tell = note ? note : [](const std::string&) {};
  const StatisticsCache cache(dataset, network_file, network.distance_name());
  if (auto known = cache.read(network.dimensions(), tell)) return *std::move(known);
  FeatureStatistics statistics = dataset_statistics(dataset, network, kStatisticsBatch, device);
  cache.write(statistics, tell);
  return statistics;
}

}  // namespace dgl
