#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dgl/base/torch.h"
#include "dgl/families/objective.h"
#include "dgl/nn/network_set.h"
#include "dgl/ops/gpu/work_recorder.h"
#include "dgl/recipe/recipe.h"

namespace dgl {

/// What a phase computes for one part of a batch.
struct PhaseResult {
  StepOutput output;
  std::vector<torch::Tensor> gradients;  ///< of the parameters that the phase trains; undefined where it has none
};

/// The same with tensors of its own.
PhaseResult copied(const PhaseResult& result);

/// Records a GPU's work for the phases of training, as CUDA graphs, and launches it again in later steps. Each phase
/// runs a few times as usual first. Its recording is used only if, for the same images and random numbers, it gives the
/// gradients, reports and buffers of the usual way. A phase that cannot be recorded, or whose recording differs, goes
/// on in the usual way; a line on stderr says why.
class PhaseRecorder {
 public:
  using Compute = std::function<PhaseResult(const StepInput&)>;

  explicit PhaseRecorder(std::unique_ptr<ops::gpu::WorkRecorder> recorder);
  ~PhaseRecorder();
  PhaseRecorder(const PhaseRecorder&) = delete;
  PhaseRecorder& operator=(const PhaseRecorder&) = delete;

  /// Returns compute(input), whose `random` is new and starts from its `seed`, by a recording if there is one. Tensors
  /// of a result keep their values until the phase runs again. `parts` is the number of parts over which means are
  /// taken, and `networks` are those whose parameters and buffers the phase works on.
  PhaseResult run(const Objective& objective, const Phase& phase, const NetworkSet& networks, int64_t parts,
                  const StepInput& input, const Compute& compute);
  /// The number of phases that were recorded.
  size_t recorded() const;

 private:
  struct Entry;
  PhaseResult record(Entry& entry, const std::string& name, const std::vector<torch::Tensor>& buffers,
                     const StepInput& input, const Compute& compute);
  void launch(Entry& entry, const StepInput& input);

  const std::unique_ptr<ops::gpu::WorkRecorder> recorder_;
  std::map<std::string, Entry> entries_;  // by what is the same in all launches of a recording
  std::set<std::string> told_;            // of which phases, and why, it was said that they are not recorded
};

/// Returns a recorder for a run on `device`; null unless the recipe wants one (training.cuda_graphs) and it is a GPU.
std::unique_ptr<PhaseRecorder> make_phase_recorder(const Recipe& recipe, torch::Device device);

}  // namespace dgl
