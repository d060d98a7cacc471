#include "dgl/base/runtime.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <regex>
#include <vector>

#include "dgl/base/environment.h"
#include "dgl/base/error.h"
#include "dgl/base/process_group.h"
#include "dgl/base/torch.h"

namespace dgl {

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
  return 1;
}

namespace {
/// Returns the number of processes on this machine, which have to share its cores. torchrun lets each process use all
/// of them.
int processes_here() { return static_cast<int>(environment_number("LOCAL_WORLD_SIZE", 1, kMaxProcesses).value_or(1)); }
}  // namespace

void init_runtime(int threads) {
  if (threads < 0 || threads > 1024) fail("--threads {}: expected 0 (all cores) to 1024", threads);
  at::set_num_threads(threads > 0 ? threads : std::max(1, usable_cores() / processes_here()));
  make_gpus_exact();
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 2147483647);
  mallopt(M_TOP_PAD, 64 << 20);
}

namespace {
void set_gpu_math(bool fast) {
  at::Context& context = at::globalContext();
  context.setAllowTF32CuDNN(fast);
  context.setAllowTF32CuBLAS(fast);
  context.setDeterministicCuDNN(!fast);
  context.setBenchmarkCuDNN(fast);
}
}  // namespace

void make_gpus_exact() { set_gpu_math(false); }

FastGpus::FastGpus(bool on) : on_(on) {
  if (on_) set_gpu_math(true);
}

FastGpus::~FastGpus() {
  if (on_) set_gpu_math(false);
}

std::vector<double> read_numbers(const std::vector<torch::Tensor>& tensors) {
  if (tensors.empty()) return {};
  std::vector<torch::Tensor> numbers;
  for (const torch::Tensor& tensor : tensors) numbers.push_back(tensor.detach().to(torch::kDouble).view({1}));
  const torch::Tensor all = at::cat(numbers).cpu();
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

int runtime_threads() { return at::get_num_threads(); }

torch::Device parse_device(const std::string& text) {
  if (text == "cpu") return torch::kCPU;
  if (text == "auto") return torch::cuda::is_available() ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
  static const std::regex cuda("cuda(:[0-9]{1,3})?");
  if (!std::regex_match(text, cuda)) fail("--device {}: expected auto, cpu, cuda or cuda:N", text);
  if (!torch::cuda::is_available()) fail("--device {}: this libtorch sees no GPU; expected auto or cpu", text);
  if (text == "cuda") return torch::kCUDA;
  const int index = std::stoi(text.substr(text.find(':') + 1)), count = static_cast<int>(torch::cuda::device_count());
  if (index >= count) fail("--device {}: there are {} GPUs, counted from 0", text, count);
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(index)};
}

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

uint64_t stream_seed(uint64_t seed, uint64_t stream, uint64_t counter) {
  auto mix = [](uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
  };
  return mix(mix(mix(seed) ^ stream) ^ counter) >> 32;
}

at::Generator make_random(torch::Device device, uint64_t seed) {
  at::Generator random = at::globalContext().defaultGenerator(device).clone();
  random.set_current_seed(seed);
  return random;
}

}  // namespace dgl
