#include "dgl/training/phase_recorder.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/guidance/guidance.h"

namespace dgl {

using torch::Tensor;

namespace {

constexpr int kRunsBefore = 2;       // in the usual way: libtorch chooses algorithms and allocates workspaces
constexpr size_t kMaxEntries = 256;  // of phases with and without recordings
constexpr double kTolerance = 0.01;  // algorithms that are not deterministic round otherwise each time

std::vector<Tensor> buffers_of(const NetworkSet& networks) {
  std::vector<Tensor> buffers;
  for (const NetworkSlot& slot : networks) {
    for (const Tensor& buffer : slot.network->buffers()) buffers.push_back(buffer);
  }
  return buffers;
}

std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> copies;
  for (const Tensor& t : tensors) copies.push_back(t.defined() ? t.clone() : t);
  return copies;
}

void restore(const std::vector<Tensor>& tensors, const std::vector<Tensor>& values) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(values[i]);
}

/// All of a result's tensors, and the buffers, with names for messages.
std::vector<std::pair<std::string, Tensor>> named(const PhaseResult& result, const std::vector<Tensor>& buffers) {
  std::vector<std::pair<std::string, Tensor>> all;
  for (size_t i = 0; i < result.gradients.size(); ++i) {
    all.emplace_back(fmt::format("gradient {}", i), result.gradients[i]);
  }
  for (const Scalars* scalars : {&result.output.losses, &result.output.scores, &result.output.statistics}) {
    for (const auto& [name, value] : *scalars) all.emplace_back(name, value);
  }
  for (size_t i = 0; i < buffers.size(); ++i) all.emplace_back(fmt::format("buffer {}", i), buffers[i]);
  return all;
}

/// Says in what `actual` differs from `expected`; "" if in nothing but rounding.
std::string difference(const std::vector<std::pair<std::string, Tensor>>& actual,
                       const std::vector<std::pair<std::string, Tensor>>& expected) {
  if (actual.size() != expected.size()) return "it reports other numbers";
  std::vector<Tensor> norms;
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& [name, a] = actual[i];
    const Tensor& e = expected[i].second;
    if (name != expected[i].first || a.defined() != e.defined()) return "it has no " + expected[i].first;
    if (!e.defined()) continue;
    const Tensor exact = e.to(torch::kFloat);
    norms.push_back((a.to(torch::kFloat) - exact).norm());
    norms.push_back(exact.norm());
  }
  const std::vector<double> numbers = read_numbers(norms);
  double largest = 0;
  for (size_t i = 1; i < numbers.size(); i += 2) largest = std::max(largest, numbers[i]);
  size_t next = 0;
  for (const auto& [name, e] : expected) {
    if (!e.defined()) continue;
    const double error = numbers[next++], size = numbers[next++];
    if (!(error <= kTolerance * size + 1e-6 * largest)) {
      return fmt::format("its {} differs by {:.3g}, beside a norm of {:.3g}", name, error, size);
    }
  }
  return "";
}

void tell(const StepInput& input, const std::string& phase, const std::string& why_not) {
  std::fprintf(stderr, "dgl: %s: the GPU's work for %s is not recorded: %s\n",
               input.real.at(0).images.device().str().c_str(), phase.c_str(), why_not.c_str());
}

/// What has to be the same in all launches of a recording; nothing for a phase that cannot be recorded, and in
/// `why_not` the reason.
std::optional<std::string> key_of(const Objective& objective, const Phase& phase, const NetworkSet& networks,
                                  int64_t parts, const StepInput& input, std::string& why_not) {
  if (!objective.recordable()) why_not = "this family's steps differ from one to the next";
  if (phase.distillation) why_not = "it compares images with the teacher's";
  if (input.augmentation) why_not = "images are augmented";
  if (!why_not.empty()) return std::nullopt;
  std::string key = fmt::format("{} {} {} {}", static_cast<const void*>(&objective), phase.name, phase.guidance, parts);
  if (input.label_shares.defined()) key += fmt::format(" {}", input.label_shares.data_ptr());
  for (const Batch& batch : input.real) key += fmt::format(" {}", fmt::join(batch.images.sizes(), "x"));
  if (!input.guidance) return key;
  key += fmt::format(" {} {} {}", static_cast<const void*>(input.guidance), input.guidance_scale, input.guidance_alone);
  const bool has_terms =
      input.guidance_scale != 0 && std::any_of(phase.trains.begin(), phase.trains.end(), [&](const std::string& slot) {
        return networks.at(slot, phase.name).role != NetworkRole::discriminator;
      });
  if (!has_terms) return key;
  const auto lambdas = input.guidance->recordable_at(input.progress);
  if (!lambdas) {
    why_not = "a teacher's term has a weight, or is of another kind than its scores";
    return std::nullopt;
  }
  return key + fmt::format(" {}", fmt::join(*lambdas, " "));
}

}  // namespace

PhaseResult copied(const PhaseResult& result) {
  PhaseResult copy{result.output, clones(result.gradients)};
  for (Scalars* scalars : {&copy.output.losses, &copy.output.scores, &copy.output.statistics}) {
    for (auto& [name, value] : *scalars) value = value.clone();
  }
  return copy;
}

struct PhaseRecorder::Entry {
  int runs = 0;  ///< so far, in the usual way
  bool refused = false;
  std::vector<std::pair<Tensor, const void*>> places;  ///< parameters and buffers, and where they were
  std::vector<Batch> real;                             ///< what the recording reads
  std::unique_ptr<HostNumbers> numbers;
  PhaseResult result;  ///< what it writes
  std::unique_ptr<ops::gpu::RecordedWork> work;

  void note_places(const NetworkSet& networks) {
    places.clear();
    for (const NetworkSlot& slot : networks) {
      for (const Tensor& t : slot.network->parameters()) places.emplace_back(t, t.data_ptr());
      for (const Tensor& t : slot.network->buffers()) places.emplace_back(t, t.data_ptr());
    }
  }
  bool moved() const {
    return std::any_of(places.begin(), places.end(),
                       [](const auto& place) { return place.first.data_ptr() != place.second; });
  }
};

PhaseRecorder::PhaseRecorder(std::unique_ptr<ops::gpu::WorkRecorder> recorder) : recorder_(std::move(recorder)) {}
PhaseRecorder::~PhaseRecorder() = default;

size_t PhaseRecorder::recorded() const {
  return static_cast<size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.work != nullptr; }));
}

PhaseResult PhaseRecorder::run(const Objective& objective, const Phase& phase, const NetworkSet& networks,
                               int64_t parts, const StepInput& input, const Compute& compute) {
  std::string why_not;
  const std::optional<std::string> key = key_of(objective, phase, networks, parts, input, why_not);
  if (!key) {
    if (told_.insert(phase.name + why_not).second) tell(input, phase.name, why_not);
    return compute(input);
  }
  // A schedule's lambda that changes from step to step makes a new key each time.
  if (entries_.size() >= kMaxEntries) {
    std::erase_if(entries_, [](const auto& entry) { return !entry.second.work && !entry.second.refused; });
  }
  Entry& entry = entries_[*key];
  if (entry.refused) return compute(input);
  if (entry.moved()) entry = {};
  if (!entry.work && entry.runs++ < kRunsBefore) return compute(input);
  if (!entry.work) {
    entry.note_places(networks);
    return record(entry, phase.name, buffers_of(networks), input, compute);
  }
  launch(entry, input);
  return entry.result;
}

void PhaseRecorder::launch(Entry& entry, const StepInput& input) {
  for (size_t i = 0; i < entry.real.size(); ++i) {
    entry.real[i].images.copy_(input.real[i].images);
    if (entry.real[i].labels.defined()) entry.real[i].labels.copy_(input.real[i].labels);
  }
  entry.numbers->fill(input.seed);
  entry.work->launch(input.seed);
}

PhaseResult PhaseRecorder::record(Entry& entry, const std::string& name, const std::vector<Tensor>& buffers,
                                  const StepInput& input, const Compute& compute) {
  const torch::Device device = input.real.at(0).images.device();
  const std::vector<Tensor> before = clones(buffers);
  const PhaseResult expected = compute(input);
  const std::vector<Tensor> after = clones(buffers);
  std::string why;
  try {
    StepInput own = input;
    for (Batch& batch : own.real) {
      batch.images = batch.images.clone();
      if (batch.labels.defined()) batch.labels = batch.labels.clone();
    }
    entry.real = own.real;
    entry.numbers = std::make_unique<HostNumbers>(device);
    own.recorded_numbers = entry.numbers.get();
    entry.work = recorder_->record([&entry, own, compute](const at::Generator& random) {
      StepInput recorded = own;
      recorded.random = random;
      entry.result = compute(recorded);
    });
    restore(buffers, before);
    launch(entry, input);
    why = difference(named(entry.result, buffers), named(expected, after));
  } catch (const std::exception& error) {
    why = error.what();
  }
  if (why.empty()) return entry.result;
  tell(input, name, why.substr(0, why.find('\n')));
  entry = {};
  entry.refused = true;
  restore(buffers, after);
  return expected;
}

std::unique_ptr<PhaseRecorder> make_phase_recorder(const Recipe& recipe, torch::Device device) {
  if (!recipe.cuda_graphs) return nullptr;
  auto recorder = ops::gpu::make_work_recorder(device);
  return recorder ? std::make_unique<PhaseRecorder>(std::move(recorder)) : nullptr;
}

}  // namespace dgl
