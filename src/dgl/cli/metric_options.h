#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>

#include "dgl/metrics/kid.h"

namespace dgl {

/// Adds the options of the kernel distance (`--kid-subsets`, `--kid-subset-size`) and of the inception score
/// (`--is-splits`) to a command. Both `kid` and `is_splits` must outlive it.
void add_metric_options(CLI::App& command, KidOptions& kid, int64_t& is_splits);

}  // namespace dgl
