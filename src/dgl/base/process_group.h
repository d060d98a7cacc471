#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dgl {

/// A larger number of processes is rejected as a mistake.
constexpr int64_t kMaxProcesses = 1 << 16;

/// Rank and rendezvous address of this process.
struct LaunchConfig {
  int64_t rank = 0;  ///< 0 … count - 1
  int64_t count = 1;
  int64_t local_rank = 0;          ///< rank on this machine, and the index of this process's GPU
  std::string address;             ///< host of the process of rank 0
  uint16_t port = 0;               ///< port on that host
  bool store_is_external = false;  ///< true if the launcher itself listens there, as torchrun does
  std::string restart_count;       ///< number of restarts, if the launcher restarts failed processes; else empty

  /// Reads the variables that a launcher sets in the environment:
  /// - torchrun: RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT (and TORCHELASTIC_USE_AGENT_STORE,
  ///   TORCHELASTIC_RESTART_COUNT)
  /// - mpirun: OMPI_COMM_WORLD_RANK, …_SIZE, …_LOCAL_RANK
  /// - srun: SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID
  ///
  /// Those of mpirun and srun count only if MASTER_ADDR and MASTER_PORT are set by hand. Without these two, a batch
  /// job's environment does not mean that there are several processes. Returns nothing for a single process. Throws
  /// Error, naming the variable, if one is missing or invalid.
  static std::optional<LaunchConfig> of_environment();
};

/// The processes that train one model together, each with its share of every batch. They communicate by libtorch's c10d
/// with Gloo over TCP. If each has a GPU of its own, and libtorch and NCCL's header were there when the program was
/// built, all_reduce_sum() adds up by NCCL. All processes must call these functions in the same order.
class ProcessGroup {
 public:
  /// A group of this process alone.
  ProcessGroup();
  /// Connects to the other processes and waits up to five minutes for them. Throws Error if they cannot be reached or
  /// the program was built without Gloo.
  explicit ProcessGroup(const LaunchConfig& launch);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// Returns the group that the environment describes.
  static std::unique_ptr<ProcessGroup> of_environment();

  int64_t rank() const { return launch_.rank; }
  int64_t count() const { return launch_.count; }
  /// Returns true in the process that measures, prints and writes files.
  bool is_root() const { return launch_.rank == 0; }
  /// Returns the device that `--device` selects in this process. "auto" and "cuda" select the GPU whose index is the
  /// local rank.
  torch::Device device(const std::string& text) const;

  // All functions below throw Error if another process has ended or cannot be reached.

  /// Replaces each tensor by its sum over all processes. Tensors are float32 on any device. Undefined ones are skipped,
  /// and must be undefined in every process. The result has the same bits in every process.
  void all_reduce_sum(const std::vector<torch::Tensor>& tensors) const;
  /// Broadcasts rank 0's tensors (any dtype).
  void broadcast(const std::vector<torch::Tensor>& tensors) const;
  /// Returns the largest value over all processes.
  int64_t all_reduce_max(int64_t value) const;
  /// Waits until all processes have called it.
  void barrier() const;

 private:
  struct Group;
  LaunchConfig launch_;
  std::unique_ptr<Group> group_;  // null for a single process
};

}  // namespace dgl
