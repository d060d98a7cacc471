#include "dgl/guidance/training_step.h"

#include <algorithm>
#include <utility>

#include "dgl/base/runtime.h"
#include "dgl/ops/gpu/launch.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int64_t kMaxNumbers = 16;  // of a recorded phase

at::Generator host_generator(uint64_t seed, uint64_t stream) {
  constexpr uint64_t kHostStreams = 0x686f7374;  // apart from the streams of training
  return make_random(torch::kCPU, stream_seed(seed, kHostStreams, stream));
}

}  // namespace

HostNumbers::HostNumbers(torch::Device device) : values_(torch::zeros({kMaxNumbers}, device)) {}

Tensor HostNumbers::add(uint64_t stream, HostDraw draw) {
  const auto same = [&](const Number& number) { return number.stream == stream; };
  const auto index = std::find_if(numbers_.begin(), numbers_.end(), same) - numbers_.begin();
  TORCH_CHECK(index < kMaxNumbers, "a recorded phase draws more than ", kMaxNumbers, " numbers on the processor");
  if (index == static_cast<int64_t>(numbers_.size())) numbers_.push_back({stream, std::move(draw)});
  return values_.select(0, index);
}

void HostNumbers::fill(uint64_t seed) {
  if (numbers_.empty()) return;
  const Tensor drawn = torch::zeros({kMaxNumbers});
  for (size_t i = 0; i < numbers_.size(); ++i) {
    drawn.data_ptr<float>()[i] = static_cast<float>(numbers_[i].draw(host_generator(seed, numbers_[i].stream)));
  }
  // CUDA keeps so few bytes of pageable memory for itself before the call returns.
  values_.copy_(drawn, /*non_blocking=*/true);
}

bool StepInput::on_gpu() const { return ops::gpu::on_gpu(real.at(0).images); }

at::Generator StepInput::host_random(uint64_t stream) const {
  if (recorded_numbers) throw NotRecordable("what it computes depends on numbers that are drawn for each step");
  return on_gpu() ? host_generator(seed, stream) : random;
}

Tensor StepInput::host_number(uint64_t stream, const HostDraw& draw) const {
  if (recorded_numbers) return recorded_numbers->add(stream, draw);
  return at::full({}, draw(host_random(stream)), real.at(0).images.options().dtype(torch::kFloat));
}

}  // namespace dgl
