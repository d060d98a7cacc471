#pragma once

#include "dgl/base/process_group.h"
#include "dgl/base/workers.h"
#include "dgl/training/objective.h"

namespace dgl {

/// How many shards a batch is split into, over all processes: `wanted`, or the threads of each where that is 0, as far
/// as the objective allows; the same number in each. Error for a batch that cannot be shared out to so many.
int64_t choose_shard_count(const Objective& objective, int64_t batch, int64_t wanted, torch::Device device,
                           const ProcessGroup& processes);

/// Computes one phase on this process's share of a batch, a shard of it on each worker (in `parts` equal parts, one
/// after the other), and leaves the whole batch's mean loss's gradient in the parameters of the network that learns,
/// undefined where the loss does not depend on one. Parts and shards are summed in order, so that the result does not
/// depend on which is done first. `input.random` is not used: every part of a shard draws from a generator of its own
/// that starts from `seed`. Returns the means over all shards; the objective has absorbed the statistics.
StepOutput run_phase(Objective& objective, const Model& model, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t parts = 1, const ProcessGroup& processes = {});

}  // namespace dgl
