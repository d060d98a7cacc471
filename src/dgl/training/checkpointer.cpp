#include "dgl/training/checkpointer.h"

#include <map>
#include <memory>
#include <utility>

#include "dgl/base/byte_text.h"
#include "dgl/base/error.h"
#include "dgl/base/json.h"
#include "dgl/base/progress.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/run/event_log.h"
#include "dgl/run/run_directory.h"

namespace dgl {

namespace {

constexpr const char* kStateKey = "dgl_state";

/// A network's weights under `prefix`; pack_model() puts those that a model file holds.
StatefulPart weights_part(const std::shared_ptr<Network>& network, const std::string& prefix) {
  return {[=](TensorFile& file) { put_module(file, prefix, *network); },
          [=](const TensorFile& file, const std::string& origin) { get_module(file, prefix, *network, origin); }};
}

/// An optimizer's state, of a map whose optimizers may be replaced by fresh ones.
StatefulPart optimizer_part(const Optimizers& optimizers, const std::string& slot, const std::string& prefix) {
  return {[=, &optimizers](TensorFile& file) { optimizers.at(slot)->put(file, prefix); },
          [=, &optimizers](const TensorFile& file, const std::string& origin) {
            optimizers.at(slot)->get(file, prefix, origin);
          }};
}

/// Named tensors that an object shares, as its state() gives them.
StatefulPart tensors_part(std::function<std::map<std::string, torch::Tensor>()> state, const std::string& prefix) {
  return {[=](TensorFile& file) {
            for (const auto& [name, tensor] : state()) file.tensors[prefix + name] = tensor;
          },
          [=](const TensorFile& file, const std::string& origin) {
            torch::NoGradGuard no_grad;
            for (auto [name, tensor] : state()) {
              const torch::Tensor stored = file.at(prefix + name, origin);
              if (stored.sizes() != tensor.sizes()) {
                fail_file("{}: tensor {}{}: sizes {}, expected {} by the recipe", origin, prefix, name,
                          fmt::join(stored.sizes(), " x "), fmt::join(tensor.sizes(), " x "));
              }
              tensor.copy_(stored);
            }
          }};
}

}  // namespace

Checkpointer::Checkpointer(TrainingSession& session) : session_(session) {
  TrainedNetworks& student = session.student;
  for (const NetworkSlot& slot : student.networks) {
    student_.push_back(weights_part(slot.network, slot.name + "."));
    if (slot.average) student_.push_back(weights_part(slot.average, slot.average_name() + "."));
  }
  for (const auto& [slot, optimizer] : student.optimizers) {
    student_.push_back(optimizer_part(student.optimizers, slot, "adam." + slot + "."));
  }
  student_.push_back(tensors_part([&] { return student.objective->state(); }, "objective."));
  student_.push_back(tensors_part([&] { return session.augmentation.state(); }, "augmentation."));
  guidance_.push_back(tensors_part([&] { return session.guidance.state(); }, "guidance."));
  if (session.taught) {
    const Optimizers& optimizers = session.taught->optimizers;
    for (const auto& [slot, optimizer] : optimizers) {
      guidance_.push_back(weights_part(session.taught->networks.network(slot), "guidance." + slot + "."));
      const std::string prefix = optimizers.size() == 1 ? "guidance.adam." : "guidance.adam." + slot + ".";
      guidance_.push_back(optimizer_part(optimizers, slot, prefix));
    }
    // Most objectives' state is of generators' phases, which are not the teacher's.
    if (!session.taught->objective->needs_whole_batch().empty()) {
      guidance_.push_back(
          tensors_part([&session] { return session.taught->objective->state(); }, "guidance.objective."));
    }
  }
}

void Checkpointer::save(const std::filesystem::path& path) const {
  if (!session_.processes->is_root()) return;
  TensorFile file = pack_model(session_.student.networks, /*shipped_only=*/false);
  for (const auto* parts : {&student_, &guidance_}) {
    for (const StatefulPart& part : *parts) part.put(file);
  }
  file.metadata[kStateKey] = json_text(session_.state.to_json());
  save_safetensors(path, file);
}

void Checkpointer::load(const TensorFile& file, const std::string& origin) const {
  for (const StatefulPart& part : guidance_) part.get(file, origin);
  load_student(file, origin);
}

void Checkpointer::load_student(const TensorFile& file, const std::string& origin) const {
  const auto text = file.metadata.find(kStateKey);
  if (text == file.metadata.end()) {
    fail_file("{}: not a checkpoint: the metadata has no \"{}\"", origin, kStateKey);
  }
  RunState state = RunState::from_json(parse_json(text->second), origin);
  for (const StatefulPart& part : student_) part.get(file, origin);
  session_.state = std::move(state);
}

void Checkpointer::load_newest(const RunDirectory& directory, const std::vector<std::filesystem::path>& paths,
                               Progress& progress) const {
  std::string why;
  for (const auto& path : paths) {
    try {
      load(load_safetensors(path), path.string());
      if (session_.processes->is_root()) {
        directory.truncate_log(session_.state.log_bytes);
        truncate_events(directory.events(), session_.state.images);
      }
      if (!why.empty()) progress.print(fmt::format("continuing from {} instead", path.filename().string()));
      return;
    } catch (const Error& error) {
      why = error.what();
      progress.print(why);
    }
  }
  if (!why.empty()) fail_file("{}: none of its checkpoints can be read: {}", directory.path().string(), why);
}

}  // namespace dgl
