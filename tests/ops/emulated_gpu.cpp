#include "ops/emulated_gpu.h"

#include <gtest/gtest.h>
#include <ucontext.h>

#include <bit>
#include <cmath>
#include <functional>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

// What the sources use of CUDA's language.
#define __device__
#define __shared__ static

namespace dgl::test {
namespace {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
Index threadIdx, blockIdx, blockDim, gridDim;

float __uint_as_float(unsigned word) { return std::bit_cast<float>(word); }
unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }

/// A thread of a block.
class Fiber {
 public:
  static constexpr size_t kStackBytes = size_t{1} << 16;

  void start(const std::function<void()>& work) {
    if (!stack_) stack_ = std::make_unique<char[]>(kStackBytes);
    work_ = &work;
    done_ = false;
    getcontext(&context_);
    context_.uc_stack.ss_sp = stack_.get();
    context_.uc_stack.ss_size = kStackBytes;
    context_.uc_link = nullptr;
    makecontext(&context_, &Fiber::body, 0);
  }
  bool done() const { return done_; }

  /// Runs it up to its next barrier or its end.
  void go_on() {
    current = this;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, stack_.get(), kStackBytes);
    swapcontext(&scheduler, &context_);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    swapcontext(&scheduler, &context_);
#endif
  }
  /// Called by the fiber that runs: goes back to go_on().
  static void wait() { current->leave(/*for_good=*/false); }

 private:
  static void body() {
    arrive(nullptr);
    (*current->work_)();
    current->done_ = true;
    current->leave(/*for_good=*/true);
  }
  void leave([[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake, scheduler_stack, scheduler_stack_bytes);
    swapcontext(&context_, &scheduler);
    arrive(fake);
#else
    swapcontext(&context_, &scheduler);
#endif
  }
  static void arrive([[maybe_unused]] void* fake) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, &scheduler_stack, &scheduler_stack_bytes);
#endif
  }

  static ucontext_t scheduler;
  static Fiber* current;
#if defined(__SANITIZE_ADDRESS__)
  static inline const void* scheduler_stack = nullptr;
  static inline size_t scheduler_stack_bytes = 0;
#endif

  ucontext_t context_{};
  std::unique_ptr<char[]> stack_;
  const std::function<void()>* work_ = nullptr;
  bool done_ = false;
};

ucontext_t Fiber::scheduler;
Fiber* Fiber::current = nullptr;

/// What a thread throws that meets a barrier while it is no fiber.
struct Barrier {};
bool in_fibers = false;

void __syncthreads() {
  if (!in_fibers) throw Barrier();
  Fiber::wait();
}

/// Runs all threads of a block one after the other. Returns false if the first met a barrier.
bool run_without_barriers(const std::function<void()>& kernel) {
  try {
    for (threadIdx = {}; threadIdx.x < ops::gpu::kThreads; ++threadIdx.x) kernel();
  } catch (const Barrier&) {
    EXPECT_EQ(threadIdx.x, 0U) << "a barrier that other threads of the block did not meet";
    return false;
  }
  return true;
}

/// Runs all threads of a block. All of them have to meet the same barriers.
void run_fibers(const std::function<void()>& kernel) {
  static std::vector<Fiber> fibers(ops::gpu::kThreads);
  in_fibers = true;
  for (Fiber& fiber : fibers) fiber.start(kernel);
  for (bool more = true; more;) {
    size_t ended = 0;
    for (size_t i = 0; i < fibers.size(); ++i) {
      threadIdx = {static_cast<unsigned>(i), 0, 0};
      fibers[i].go_on();
      ended += fibers[i].done() ? 1 : 0;
    }
    more = ended < fibers.size();
    if (more && ended > 0) {
      ADD_FAILURE() << ended << " threads of a block ended before a barrier that the others wait at";
      break;
    }
  }
  in_fibers = false;
}

using Kernel = std::function<void(const ops::gpu::Arguments&)>;

template <class T>
void take(const ops::gpu::Arguments& arguments, size_t i, T& value) {
  ASSERT_EQ(arguments.sizes[i], sizeof(value)) << "parameter " << i;
  std::memcpy(&value, arguments.values[i], sizeof(value));
}

/// Returns a kernel that takes its parameters' values from a launch.
template <class... Parameters>
Kernel kernel(void (*f)(Parameters...)) {
  return [f](const ops::gpu::Arguments& arguments) {
    ASSERT_EQ(arguments.count, sizeof...(Parameters));
    std::tuple<Parameters...> values;
    size_t i = 0;
    std::apply([&](auto&... value) { (take(arguments, i++, value), ...); }, values);
    std::apply(f, values);
  };
}

#define KERNEL(name) void name
#define BFLOAT16 1
#define CHANNELS_LAST 1
#define WIDTH 8
#define VARIANT bfloat16_last_8
#include "ops/emulated_variant.h"
#undef WIDTH
#undef VARIANT
#define WIDTH 1
#define VARIANT bfloat16_last_1
#include "ops/emulated_variant.h"
#undef BFLOAT16
#undef VARIANT
#define BFLOAT16 0
#define VARIANT float32_last_1
#include "ops/emulated_variant.h"
#undef WIDTH
#undef VARIANT
#define WIDTH 4
#define VARIANT float32_last_4
#include "ops/emulated_variant.h"
#undef CHANNELS_LAST
#undef VARIANT
#define CHANNELS_LAST 0
#define VARIANT float32_contiguous_4
#include "ops/emulated_variant.h"
#undef WIDTH
#undef VARIANT
#define WIDTH 1
#define VARIANT float32_contiguous_1
#include "ops/emulated_variant.h"

const std::map<std::string, Kernel>& kernels_of(const ops::gpu::Variant& variant) {
  using Table = std::map<std::string, Kernel>;
  static const std::map<ops::gpu::Variant, Table> tables{
      {{true, true, 8}, bfloat16_last_8::kernels()},        {{true, true, 1}, bfloat16_last_1::kernels()},
      {{false, true, 4}, float32_last_4::kernels()},        {{false, true, 1}, float32_last_1::kernels()},
      {{false, false, 4}, float32_contiguous_4::kernels()}, {{false, false, 1}, float32_contiguous_1::kernels()}};
  return tables.at(variant);
}

}  // namespace

void EmulatedGpu::run(const ops::gpu::Launch& launch, const ops::gpu::Arguments& arguments) {
  const std::string name = std::string(launch.source) + "." + launch.kernel;
  ++runs_[name];
  const Kernel& kernel = kernels_of(launch.variant).at(name);
  const std::function<void()> thread = [&] { kernel(arguments); };
  blockDim = {ops::gpu::kThreads, 1, 1};
  gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
  ASSERT_GT(gridDim.x * gridDim.y * gridDim.z, 0U) << name;
  for (unsigned block = gridDim.x * gridDim.y * gridDim.z; block-- > 0;) {
    blockIdx = {block % gridDim.x, block / gridDim.x % gridDim.y, block / gridDim.x / gridDim.y};
    // Threads only read what none of them writes, so that the first may begin anew.
    if (waits_[name] || !run_without_barriers(thread)) {
      waits_[name] = true;
      run_fibers(thread);
    }
  }
}

std::vector<std::string> EmulatedGpu::seen() const {
  std::vector<std::string> names;
  for (const auto& [name, count] : runs_) names.push_back(name);
  return names;
}

}  // namespace dgl::test
