#pragma once

#include <cstdint>

#include "dgl/base/process_group.h"
#include "dgl/base/torch.h"
#include "dgl/base/workers.h"
#include "dgl/families/objective.h"
#include "dgl/guidance/guidance.h"
#include "dgl/nn/network_set.h"
#include "dgl/recipe/recipe.h"
#include "dgl/training/phase_recorder.h"

namespace dgl {

/// The total number of shards of a batch over all processes: `requested`, or one per thread if 0, limited by
/// Objective::max_shards() and by what teachers score together (Guidance::group()), which has to be in one shard; the
/// same number in each process. Throws Error for a batch that cannot be divided so.
int64_t choose_shard_count(const Objective& objective, const Guidance& guidance, int64_t batch, int64_t requested,
                           torch::Device device, const ProcessGroup& processes);

/// What a phase works on in one step, and in how many micro-batches.
struct PhaseBatch {
  StepInput input;
  int64_t micro_batches = 1;
};

/// All of a step's local batch in training.accumulations micro-batches; for a phase that trains generators alone, the
/// process's share of training.batch_generator images, the first of the batch, in micro-batches as large.
PhaseBatch phase_batch(const Recipe& recipe, const NetworkSet& networks, const Phase& phase, const StepInput& step);

/// Computes the gradient of the mean loss over the batch and stores it in the .grad of the parameters that the phase
/// trains (undefined if the loss does not depend on one). Each worker takes a shard of this process's local batch, in
/// `micro_batches` equal parts one after the other; sums have a fixed order, so that results do not depend on timing.
/// `input.random` is not used: every micro-batch of a shard draws from a generator of its own that starts from `seed`.
/// `recorder`, which may be null, launches a GPU's work as a whole; gradients then keep their values until the phase
/// runs again. Returns means over all shards; the objective has taken its statistics.
StepOutput run_phase(Objective& objective, const NetworkSet& networks, const Phase& phase, const StepInput& input,
                     Workers& workers, uint64_t seed, int64_t micro_batches = 1, const ProcessGroup& processes = {},
                     PhaseRecorder* recorder = nullptr);

}  // namespace dgl
