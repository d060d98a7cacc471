#include "dgl/base/error.h"
#include "dgl/base/json.h"
#include "dgl/training/trainer.h"

namespace dgl {

namespace {
constexpr const char* kStateKey = "dgl_state";
}

void Trainer::save(const std::filesystem::path& path) {
  if (!processes_.is_root()) return;
  TensorFile file = pack_model(model_);
  optimizers_.generator->put(file, "adam.generator.");
  optimizers_.discriminator->put(file, "adam.discriminator.");
  for (const auto& [name, tensor] : objective_->state()) file.tensors["objective." + name] = tensor;
  for (const auto& [name, tensor] : augmentation_.state()) file.tensors["augmentation." + name] = tensor;
  for (const auto& [name, tensor] : guidance_.state()) file.tensors["guidance." + name] = tensor;
  if (teacher_optimizer_) {
    put_module(file, "guidance.discriminator.", *taught_.discriminator);
    teacher_optimizer_->put(file, "guidance.adam.");
  }
  file.metadata[kStateKey] = state_.to_json().dump();
  save_safetensors(path, file);
}

void Trainer::load(const TensorFile& file, const std::string& origin) {
  const auto text = file.metadata.find(kStateKey);
  if (text == file.metadata.end()) fail("{}: not a checkpoint: the metadata has no \"{}\"", origin, kStateKey);
  const auto json = parse_json(text->second);
  RunState state = RunState::from_json(json, origin);
  get_module(file, "generator.", *model_.generator, origin);
  get_module(file, "generator_ema.", *model_.generator_ema, origin);
  get_module(file, "discriminator.", *model_.discriminator, origin);
  optimizers_.generator->get(file, "adam.generator.", origin);
  optimizers_.discriminator->get(file, "adam.discriminator.", origin);
  torch::NoGradGuard no_grad;
  for (auto [name, tensor] : objective_->state()) tensor.copy_(file.at("objective." + name, origin));
  for (auto [name, tensor] : augmentation_.state()) tensor.copy_(file.at("augmentation." + name, origin));
  state_ = std::move(state);
}

void Trainer::load_guidance(const TensorFile& file, const std::string& origin) {
  torch::NoGradGuard no_grad;
  for (auto [name, tensor] : guidance_.state()) tensor.copy_(file.at("guidance." + name, origin));
  if (teacher_optimizer_) {
    get_module(file, "guidance.discriminator.", *taught_.discriminator, origin);
    teacher_optimizer_->get(file, "guidance.adam.", origin);
  }
}

void Trainer::load_newest(const RunDirectory& directory, const std::vector<std::filesystem::path>& paths) {
  std::string why;
  for (const auto& path : paths) {
    try {
      const TensorFile file = load_safetensors(path);
      load_guidance(file, path.string());
      load(file, path.string());
      if (processes_.is_root()) directory.truncate_log(state_.log_bytes);
      if (!why.empty()) progress_.print(fmt::format("going on from {} instead", path.filename().string()));
      return;
    } catch (const Error& error) {
      why = error.what();
      progress_.print(why);
    }
  }
  if (!why.empty()) fail("{}: none of its checkpoints can be read", directory.path().string());
}

void Trainer::spread_weights() const {
  std::vector<torch::Tensor> all;
  for (const torch::nn::Module* module : {static_cast<torch::nn::Module*>(model_.generator.get()),
                                          static_cast<torch::nn::Module*>(model_.generator_ema.get()),
                                          static_cast<torch::nn::Module*>(model_.discriminator.get())}) {
    for (const torch::Tensor& tensor : module->parameters()) all.push_back(tensor);
    for (const torch::Tensor& tensor : module->buffers()) all.push_back(tensor);
  }
  processes_.broadcast(all);
}

void Trainer::begin_from_stage1() {
  const RunDirectory other = RunDirectory::open(recipe_.from_stage1);
  const auto path = other.stage_end(1);
  if (!std::filesystem::exists(path)) {
    fail("{}: has no checkpoints/stage1.safetensors; expected a run of compress or boost whose stage 1 is done",
         recipe_.from_stage1);
  }
  load(load_safetensors(path), path.string());
  if (state_.stages.size() != 1 || state_.stage != 2) fail("{}: not the end of a stage 1", path.string());
  state_.log_bytes = 0;
  state_.best_fd = -1;
  if (!recipe_.keep_optimizer) optimizers_ = make_optimizers(recipe_, model_, phases_);
}

void Trainer::begin_from_teacher() {
  if (!teacher_->generator || !teacher_->generator_ema) {
    fail("{}: the teacher has no generator and average of it to start from", recipe_.teacher);
  }
  if (teacher_->generator->settings() != model_.generator->settings() ||
      teacher_->discriminator->settings() != model_.discriminator->settings()) {
    fail("{}: the teacher's networks differ from the recipe's at width {}, so they cannot be its start",
         recipe_.teacher, recipe_.width);
  }
  copy_weights(*teacher_->generator, *model_.generator);
  copy_weights(*teacher_->generator_ema, *model_.generator_ema);
  copy_weights(*teacher_->discriminator, *model_.discriminator);
  if (teacher_->info.contains("kimg") && teacher_->info["kimg"].is_number()) {
    state_.images = std::llround(teacher_->info["kimg"].get<double>() * 1000);
  }
}

}  // namespace dgl
