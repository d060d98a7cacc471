#include "dgl/cli/metric_options.h"

namespace dgl {

void add_metric_options(CLI::App& command, KidOptions& kid, int64_t& is_splits) {
  command.add_option("--kid-subsets", kid.subsets, "Number of KID subsets")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command.add_option("--kid-subset-size", kid.subset_size, "Size of each KID subset")
      ->check(CLI::Range(2, 1000000))
      ->capture_default_str();
  command.add_option("--is-splits", is_splits, "Number of IS splits")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
}

}  // namespace dgl
