#include "dgl/base/process_group.h"

#include <cstdint>
#include <cstdlib>

#include "dgl/base/environment.h"
#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"

#ifdef USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif
#ifdef DGL_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

namespace dgl {

using torch::Tensor;

namespace {

int64_t number(const char* name, int64_t low, int64_t high) {
  const auto value = environment_number(name, low, high);
  if (!value) fail("{} is not set, which a launcher of several processes sets", name);
  return *value;
}

/// Environment variables of a launcher.
struct Names {
  const char *rank, *count, *local_rank;
};
constexpr Names kTorchrun{"RANK", "WORLD_SIZE", "LOCAL_RANK"};
constexpr Names kMpirun{"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"};
constexpr Names kSrun{"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID"};

}  // namespace

std::optional<LaunchConfig> LaunchConfig::of_environment() {
  const bool meeting = std::getenv("MASTER_ADDR") && std::getenv("MASTER_PORT");
  for (const Names& names : {kTorchrun, kMpirun, kSrun}) {
    if (!std::getenv(names.count) || (names.count != kTorchrun.count && !meeting)) continue;
    LaunchConfig launch;
    launch.count = number(names.count, 1, kMaxProcesses);
    if (launch.count == 1) return {};
    launch.rank = number(names.rank, 0, launch.count - 1);
    launch.local_rank = number(names.local_rank, 0, launch.count - 1);
    launch.port = static_cast<uint16_t>(number("MASTER_PORT", 1, 65535));
    const char* address = std::getenv("MASTER_ADDR");
    if (!address || !*address) fail("MASTER_ADDR is not set: expected the host of the process of rank 0");
    launch.address = address;
    const auto text = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : ""); };
    launch.store_is_external = text("TORCHELASTIC_USE_AGENT_STORE") == "True";
    launch.restart_count = text("TORCHELASTIC_RESTART_COUNT");
    return launch;
  }
  return {};
}

struct ProcessGroup::Group {
  enum class Sum { kOfAll, kLargest };
#ifdef USE_C10D_GLOO
  explicit Group(const LaunchConfig& launch_any) : launch(launch_any) {
    c10d::TCPStoreOptions meeting;
    meeting.port = launch.port;
    meeting.isServer = launch.rank == 0 && !launch.store_is_external;
    meeting.numWorkers = static_cast<size_t>(launch.count);
    meeting.timeout = std::chrono::minutes(5);
    store = c10::make_intrusive<c10d::PrefixStore>("dgl/" + launch.restart_count,
                                                   c10::make_intrusive<c10d::TCPStore>(launch.address, meeting));
    // The timeout is long because the other processes wait while the root measures. The connection shows if a process
    // has ended.
    auto options = c10d::ProcessGroupGloo::Options::create(std::chrono::hours(240));
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    options->devices.push_back(interface ? c10d::ProcessGroupGloo::createDeviceForInterface(interface)
                                         : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store, static_cast<int>(launch.rank),
                                                       static_cast<int>(launch.count), options);
  }
  void reduce(const Tensor& flat, Sum sum) const {
    std::vector<Tensor> all{flat};
    c10d::AllreduceOptions options;
    options.reduceOp = sum == Sum::kOfAll ? c10d::ReduceOp::SUM : c10d::ReduceOp::MAX;
    gloo->allreduce(all, options)->wait();
  }
  void broadcast(const Tensor& flat) const {
    std::vector<Tensor> all{flat};
    gloo->broadcast(all)->wait();
  }
  /// Adds up `flat` over all processes by NCCL. Returns false, in every process, if it does not: libtorch was built
  /// without NCCL, `flat` is not on a GPU, or there is not a GPU for each process of a machine.
  bool reduce_by_nccl(const Tensor& flat) {
#ifdef DGL_NCCL
    if (!one_gpu_each) {
      const Tensor differs = torch::full({1}, flat.is_cuda() && flat.device().index() == launch.local_rank ? 0 : 1);
      reduce(differs, Sum::kLargest);
      one_gpu_each = differs.item<float>() == 0;
    }
    if (!*one_gpu_each) return false;
    if (!nccl) {
      nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(c10::make_intrusive<c10d::PrefixStore>("nccl", store),
                                                         static_cast<int>(launch.rank), static_cast<int>(launch.count));
    }
    std::vector<Tensor> all{flat};
    nccl->allreduce(all)->wait();  // the GPU waits, not the processor
    return true;
#else
    return false;
#endif
  }

  const LaunchConfig launch;
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> gloo;
#ifdef DGL_NCCL
  std::optional<bool> one_gpu_each;
  c10::intrusive_ptr<c10d::ProcessGroupNCCL> nccl;
#endif
#else
  explicit Group(const LaunchConfig& launch) {
    fail("{} processes, but this program was built without Gloo (Debian's libgloo-dev): expected one", launch.count);
  }
  void reduce(const Tensor&, Sum) const {}
  bool reduce_by_nccl(const Tensor&) { return false; }
  void broadcast(const Tensor&) const {}
#endif
};

namespace {

/// Calls f and turns exceptions of other libraries into an Error of one line.
template <class F>
void together(const LaunchConfig& launch, const F& f) {
  try {
    f();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail("process {} of {}: another one has ended or cannot be reached at {}:{}: {}", launch.rank, launch.count,
         launch.address, launch.port, first_line(error.what()));
  }
}

}  // namespace

ProcessGroup::ProcessGroup() = default;
ProcessGroup::~ProcessGroup() = default;

ProcessGroup::ProcessGroup(const LaunchConfig& launch) : launch_(launch) {
  together(launch_, [&] { group_ = std::make_unique<Group>(launch_); });
}

std::unique_ptr<ProcessGroup> ProcessGroup::of_environment() {
  const std::optional<LaunchConfig> launch = LaunchConfig::of_environment();
  return launch ? std::make_unique<ProcessGroup>(*launch) : std::make_unique<ProcessGroup>();
}

torch::Device ProcessGroup::device(const std::string& text) const {
  const torch::Device device = parse_device(text);
  if (count() == 1 || !device.is_cuda() || device.has_index()) return device;
  return parse_device(fmt::format("cuda:{}", launch_.local_rank));
}

void ProcessGroup::all_reduce_sum(const std::vector<Tensor>& tensors) const {
  if (!group_) return;
  torch::NoGradGuard no_grad;
  // Sends one message, since every message has a fixed cost.
  std::vector<Tensor> parts;
  for (const Tensor& tensor : tensors) {
    if (tensor.defined()) parts.push_back(tensor.reshape({-1}));
  }
  if (parts.empty()) return;
  Tensor flat = at::cat(parts);
  together(launch_, [&] {
    if (group_->reduce_by_nccl(flat)) return;
    flat = flat.cpu();
    group_->reduce(flat, Group::Sum::kOfAll);
  });
  int64_t first = 0;
  for (const Tensor& tensor : tensors) {
    if (!tensor.defined()) continue;
    tensor.copy_(flat.narrow(0, first, tensor.numel()).view(tensor.sizes()));
    first += tensor.numel();
  }
}

void ProcessGroup::broadcast(const std::vector<Tensor>& tensors) const {
  if (!group_) return;
  torch::NoGradGuard no_grad;
  for (const Tensor& tensor : tensors) {
    const Tensor flat = tensor.reshape({-1}).cpu().clone();
    together(launch_, [&] { group_->broadcast(flat); });
    tensor.copy_(flat.view(tensor.sizes()));
  }
}

int64_t ProcessGroup::all_reduce_max(int64_t value) const {
  if (!group_) return value;
  const Tensor flat = torch::full({1}, value, torch::kLong);
  together(launch_, [&] { group_->reduce(flat, Group::Sum::kLargest); });
  return flat.item<int64_t>();
}

void ProcessGroup::barrier() const { all_reduce_max(0); }

}  // namespace dgl
