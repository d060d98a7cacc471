#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// More processes than this are taken for a mistake.
constexpr int64_t kMaxProcesses = 1 << 16;

/// Which of several processes this one is, and where they meet.
struct LaunchConfig {
  int64_t rank = 0;  ///< 0 … count - 1
  int64_t count = 1;
  int64_t local_rank = 0;          ///< among those on this machine: the number of its GPU
  std::string address;             ///< host of the process of rank 0
  uint16_t port = 0;               ///< that it listens on
  bool store_is_external = false;  ///< whether the launcher itself listens there, as torchrun does
  std::string restart_count;  ///< the launcher's number of this start, where it starts processes anew after a failure

  /// What a launcher left in the environment: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT of torchrun
  /// (and TORCHELASTIC_USE_AGENT_STORE, TORCHELASTIC_RESTART_COUNT). Where MASTER_ADDR and MASTER_PORT were set by
  /// hand, mpirun's OMPI_COMM_WORLD_RANK, …_SIZE, …_LOCAL_RANK or srun's SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID say
  /// the rest (without the two a batch job's environment means nothing). Nothing for one process alone. Error, naming
  /// the variable, for one that is missing or is not what it must be.
  static std::optional<LaunchConfig> of_environment();
};

/// The processes that train one model together, each with its share of every batch: libtorch's c10d over Gloo, by TCP.
/// Whatever all of them call they must call in the same order.
class ProcessGroup {
 public:
  /// This process alone.
  ProcessGroup();
  /// Meets the others; waits for five minutes until all are there. Error where they cannot be reached, or where the
  /// program was built without Gloo.
  explicit ProcessGroup(const LaunchConfig& launch);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// Those of the environment.
  static std::unique_ptr<ProcessGroup> of_environment();

  int64_t rank() const { return launch_.rank; }
  int64_t count() const { return launch_.count; }
  /// Whether this is the one that measures, prints and writes files.
  bool is_root() const { return launch_.rank == 0; }
  /// The device that `--device` means here: "auto" and "cuda" are the GPU of this process's number.
  torch::Device device(const std::string& text) const;

  // In all of these a process that ended, or cannot be reached any more, is an Error in the others.

  /// Puts the sum over all processes in the place of each tensor (float32, any device; undefined ones are skipped, and
  /// must be undefined everywhere). The same bits in every process.
  void all_reduce_sum(const std::vector<torch::Tensor>& tensors) const;
  /// Puts the first process's tensors (of any type) in the place of everyone's.
  void broadcast(const std::vector<torch::Tensor>& tensors) const;
  /// The largest of all processes' values.
  int64_t all_reduce_max(int64_t value) const;
  /// Waits until all processes are here.
  void barrier() const;

 private:
  struct Group;
  LaunchConfig launch_;
  std::unique_ptr<Group> group_;  // none where there is one process
};

}  // namespace dgl
