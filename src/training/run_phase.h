#pragma once

#include "base/workers.h"
#include "training/objective.h"

namespace dgl {

/// How many shards a batch is split into: `wanted`, or the threads where that is 0, as far as the objective allows.
int64_t shards_of(const Objective& objective, int64_t batch, int64_t wanted, torch::Device device);

/// Computes one phase, a shard of the batch on each worker (of each of `parts` equal parts of it in turn), and leaves the mean loss's gradient in the parameters of the
/// network that learns, undefined where the loss does not depend on one. Parts and shards are summed in order, so that the result
/// does not depend on which is done first. `input.random` is not used: every shard draws from a generator of its own
/// that starts from `seed`. Returns the means over shards; the objective has absorbed the statistics.
StepOutput run_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t parts = 1);

}  // namespace dgl
