#include "dgl/training/student_start.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/named_option.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/families/model_settings.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/nn/inherit.h"
#include "dgl/run/run_directory.h"
#include "dgl/training/checkpointer.h"

namespace dgl {

namespace {

constexpr const char* kAuto = "auto";
constexpr double kPair = 3;  // of a student that learns its teacher's images, where the program chooses

/// Throws Error unless the student's images stand for others, `originals`: those of the data, or of the teacher's
/// generator for the same latents. `key` names what compares them.
void check_originals(const TrainingSession& session, Originals originals, const char* key) {
  if (originals == Originals::data) return;
  if (originals == Originals::none) {
    fail("{}: what teachers judge of this {} stands for no other images", key, session.recipe.family);
  }
  const std::string& file = session.recipe.teacher().file;
  const auto teacher = family_of(*session.teacher, file).sampler(*session.teacher);
  if (!teacher) fail("{}: the teacher has no generator, whose images {} compares with", file, key);
  const SampleSpec theirs = teacher->spec(), own = sampler_of(session.student.networks, "the student")->spec();
  if (theirs.latent_shape != own.latent_shape || theirs.classes != own.classes || theirs.output != own.output) {
    fail(
        "{}: the teacher's generator takes other latents or labels, or makes images of another size, than the student; "
        "{} expects the same",
        file, key);
  }
  session.student.objective->check_originals(*teacher, file);
}

/// The same of what guidance.pair compares.
void check_pair_originals(const TrainingSession& session) {
  check_originals(session, session.student.objective->originals(), "guidance.pair");
}

/// Adds what a stage of distillation minimizes: in each domain that the student's generators make images of, the
/// distance to the teacher's. Throws Error if the teacher lacks what that takes.
void add_distillation(TrainingSession& session) {
  const Recipe& recipe = session.recipe;
  const std::string& file = recipe.teacher().file;
  check_originals(session, Originals::teacher, "guidance.stage1 = \"distill\"");
  const auto judges = judges_of(session, *session.teacher, file);
  for (const DomainDiscriminator& own : discriminators_of(session.student.networks, "the student")) {
    const bool judged =
        std::any_of(judges.begin(), judges.end(), [&](const auto& judge) { return judge.domain == own.domain; });
    if (!judged) {
      fail("{}: guidance.stage1 = \"distill\": the teacher has no discriminator of the images that the {} judges", file,
           own.slot);
    }
  }
  for (const DomainDiscriminator& judge : judges) {
    session.guidance.add_distillation(
        std::make_unique<PairTerm>(PairTeacher{.name = file,
                                               .discriminator = judge.network,
                                               .distance = recipe.guidance.distill_distance,
                                               .mu = constant_schedule(1),
                                               .domain = judge.domain}));
  }
}

/// Throws Error for a weight that balances gradients on images that the student's own loss does not know.
void check_weight(const TrainingSession& session, const char* key, bool used, const std::string& weight) {
  if (!used || parse_named_option(weight).name != "gradient") return;
  if (session.student.objective->own_loss_depends_on_judged()) return;
  fail("{} = \"{}\": the own loss of a {} does not depend on the images that teachers judge; expected last_layer", key,
       weight, session.recipe.family);
}

/// What the recipe says of the start of a slot's network: student.init, or discriminator_init.
std::string start_of(const Recipe& recipe, const NetworkSlot& slot) {
  return slot.role == NetworkRole::discriminator ? recipe.discriminator_init : recipe.init;
}

/// The teacher's network that a slot's is to start from a part of: its average if it has one, which makes the teacher's
/// best images. Throws Error if there is none, or one of another family.
const Network& source_of(const TrainingSession& session, const NetworkSlot& slot) {
  const std::string& file = session.recipe.teacher().file;
  const char* key = slot.role == NetworkRole::discriminator ? "student.discriminator_init" : "student.init";
  const NetworkSlot* theirs = session.teacher->find(slot.name);
  if (!theirs || !theirs->best()) {
    fail("{}: the teacher has no {}, from which the student's is to start ({} = \"teacher\")", file, slot.name, key);
  }
  const Network& source = *theirs->best();
  const Family &family = family_of(source.settings(), file), &own = family_of(slot.network->settings(), file);
  if (&family != &own) {
    fail("{}: the teacher's {} is of {}, which {} cannot start from ({} = \"teacher\")", file, slot.name, family.name(),
         own.name(), key);
  }
  return source;
}

/// Whether a slot is of a discriminator of pairs that a model has no counterpart of. It starts from random weights.
bool is_new_pair_judge(const NetworkSet& model, const NetworkSlot& slot) {
  const NetworkSlot* theirs = model.find(slot.name);
  return slot.pairs && (!theirs || !theirs->best());
}

/// Starts the student's networks from the teacher's, where the recipe says so. A trained network starts at the
/// teacher's average, as its own average does.
void inherit_from_teacher(const TrainingSession& session) {
  const Recipe& recipe = session.recipe;
  for (const NetworkSlot& slot : session.student.networks) {
    if (start_of(recipe, slot) != "teacher" || is_new_pair_judge(*session.teacher, slot)) continue;
    inherit_weights(source_of(session, slot), *slot.network, recipe.keep_channels, recipe.teacher().file);
    if (slot.average) copy_weights(*slot.network, *slot.average);
  }
}

/// Keeps the first blocks of the student's discriminators as they are.
void freeze_discriminators(const TrainingSession& session) {
  const auto wanted = static_cast<size_t>(session.recipe.discriminator_freeze);
  if (wanted == 0) return;
  for (const NetworkSlot& slot : session.student.networks) {
    auto* discriminator = dynamic_cast<Discriminator*>(slot.network.get());
    if (!discriminator) continue;
    auto blocks = discriminator->blocks();
    if (wanted > blocks.size()) {
      fail("student.discriminator_freeze = {}: the {} has {} blocks", wanted, slot.name, blocks.size());
    }
    blocks.resize(wanted);
    discriminator->freeze(std::move(blocks));
  }
}

/// Starts stage 2 from the end of another run's stage 1, with the moments of Adam there. Where stage 2 begins, they are
/// dropped unless the recipe keeps them.
void begin_from_stage1(TrainingSession& session) {
  const std::string& folder = session.recipe.run.from_stage1;
  const auto path = RunDirectory::open(folder).stage_end(1);
  if (!std::filesystem::exists(path)) {
    fail("{}: has no checkpoints/stage1.safetensors; expected a run of compress or boost whose stage 1 is done",
         folder);
  }
  Checkpointer(session).load_student(load_safetensors(path), path.string());
  RunState& state = session.state;
  if (state.stages.size() != 1 || state.stage != 2) fail("{}: not the end of a stage 1", path.string());
  state.log_bytes = 0;
  state.best_fd = -1;
  if (!session.recipe.guidance.keep_optimizer) return;
  for (const auto& [slot, optimizer] : session.student.optimizers) {
    if (state.step > 0 && optimizer->steps() == 0) {
      fail("{}: an earlier version of dgl wrote it without the moments of Adam, which guidance.keep_optimizer needs",
           path.string());
    }
  }
}

/// Starts all networks from a model's own, with what it has no discriminator of made anew.
void begin_from(TrainingSession& session, const NetworkSet& model, const std::string& file) {
  for (const NetworkSlot& slot : session.student.networks) {
    if (is_new_pair_judge(model, slot)) continue;
    const NetworkSlot* theirs = model.find(slot.name);
    if (!theirs || !theirs->best()) {
      if (slot.role != NetworkRole::discriminator) fail("{}: has no {} to start from", file, slot.name);
      session.notes.push_back(fmt::format("{}: has no {}; it starts from random weights", file, slot.name));
      continue;
    }
    // What is published is often the average alone.
    if (!theirs->network) session.notes.push_back(fmt::format("{}: the {} starts from its average", file, slot.name));
    const Network &network = theirs->network ? *theirs->network : *theirs->average, &average = *theirs->best();
    if (network.settings() != slot.network->settings()) {
      const auto found = contradictions(session.family(), *session.recipe.network, model);
      fail("{}: its {} differs from the recipe's, so it cannot be the start{}{}", file, slot.name,
           found.empty() ? "" : ": ", fmt::join(found, ", "));
    }
    copy_weights(network, *slot.network);
    if (slot.average) copy_weights(average, *slot.average);
  }
  if (model.info.contains("kimg") && model.info["kimg"].is_number()) {
    session.state.images = std::llround(model.info["kimg"].get<double>() * 1000);
  }
}

/// The message of the Error that `check` throws, if it does.
template <class Check>
std::optional<std::string> objection(const Check& check) {
  try {
    check();
  } catch (const Error& error) {
    return error.what();
  }
  return std::nullopt;
}

/// Why the student's generators, or its discriminators, cannot start from the teacher's; nothing if they can.
std::optional<std::string> cannot_inherit(const TrainingSession& session, bool discriminators) {
  return objection([&] {
    for (const NetworkSlot& slot : session.student.networks) {
      if ((slot.role == NetworkRole::discriminator) != discriminators || is_new_pair_judge(*session.teacher, slot))
        continue;
      kept_channels(source_of(session, slot), *slot.network, session.recipe.keep_channels,
                    session.recipe.teacher().file);
    }
  });
}

/// Whether a student makes images of the same size as its teacher, of the same family: a smaller network for the same.
bool stands_in(const TrainingSession& session) {
  const std::string& file = session.recipe.teacher().file;
  const Family& family = family_of(*session.teacher, file);
  const auto teacher = family.sampler(*session.teacher);
  return &family == &session.family() && teacher && teacher->spec().output == session.recipe.network->image();
}

/// Throws Error for a recipe that makes other networks than the teacher's, where they could be of the same kind.
void refuse_contradiction(const TrainingSession& session) {
  const std::string& file = session.recipe.teacher().file;
  if (!stands_in(session)) return;
  const auto found = contradictions(session.family(), *session.recipe.network, *session.teacher);
  if (found.empty()) return;
  fail("{}: the recipe contradicts this teacher: {}; expected the same, or student.init = \"random\"", file,
       fmt::join(found, ", "));
}

/// Throws Error for a generator of more parameters than its teacher's.
void refuse_larger(const TrainingSession& session) {
  const std::string& file = session.recipe.teacher().file;
  if (!stands_in(session)) return;
  for (const NetworkSlot& slot : session.student.networks) {
    const NetworkSlot* theirs = session.teacher->find(slot.name);
    if (slot.role == NetworkRole::discriminator || !theirs || !theirs->best()) continue;
    const int64_t own = slot.network->cost().params, most = theirs->best()->cost().params;
    if (own <= most) continue;
    fail(
        "{}: the student's {} has {} parameters, the teacher's {}; a student has no more: --width, or the recipe's "
        "[network]",
        file, slot.name, own, most);
  }
}

/// Whether the family has a phase of distillation.
bool offers_distillation(const TrainingSession& session) {
  const auto phases = session.student.objective->phases();
  return std::any_of(phases.begin(), phases.end(), [](const Phase& phase) { return phase.distillation; });
}

/// Whether a generator of the student differs from its teacher's, which it starts from.
bool is_narrower(const TrainingSession& session) {
  const NetworkSet& networks = session.student.networks;
  return std::any_of(networks.begin(), networks.end(), [&](const NetworkSlot& slot) {
    return slot.role != NetworkRole::discriminator && source_of(session, slot).settings() != slot.network->settings();
  });
}

}  // namespace

void resolve_start(TrainingSession& session) {
  Recipe& recipe = session.recipe;
  const bool compresses = recipe.run.command == "compress";
  const auto resolve = [&](std::string& init, const char* key, bool wanted, bool discriminators) {
    if (init != kAuto) return;
    init = "random";
    if (!wanted) return;
    if (const auto reason = cannot_inherit(session, discriminators)) {
      if (!discriminators) refuse_contradiction(session);
      session.notes.push_back(fmt::format("{}: random weights, since the teacher's do not fit: {}", key, *reason));
    } else {
      init = "teacher";
    }
  };
  resolve(recipe.init, "student.init", compresses, false);
  resolve(recipe.discriminator_init, "student.discriminator_init", recipe.init == "teacher", true);
  const bool stands_for_teachers = session.student.objective->originals() == Originals::teacher;
  bool learns_images =
      stands_for_teachers && recipe.init == "teacher" && offers_distillation(session) && is_narrower(session);
  if (learns_images) {
    if (const auto reason = objection([&] { check_pair_originals(session); })) {
      session.notes.push_back("guidance: the student cannot learn the teacher's images: " + *reason);
      learns_images = false;
    }
  }
  std::string& stage1 = recipe.guidance.stage1;
  if (stage1 == kAuto) stage1 = learns_images && recipe.guidance.stage1_kimg > 0 ? "distill" : "alone";
  for (size_t i = 0; i < recipe.guidance.teachers.size(); ++i) {
    TeacherRecipe& teacher = recipe.guidance.teachers[i];
    const bool chosen = i == 0 && learns_images;
    const bool judges = i > 0 || !discriminators_of(*session.teacher, teacher.file).empty();
    if (!judges && teacher.lambda == kChosenWeight) {
      session.notes.push_back("guidance: the teacher has no discriminator, so the student trains without one");
    }
    const GuidanceWeights usual = session.family().usual_guidance();
    if (teacher.lambda == kChosenWeight) teacher.lambda = chosen || !judges ? 0 : usual.lambda;
    if (teacher.pair == kChosenWeight && usual.pair > 0 && judges) {
      teacher.pair = usual.pair;
      if (!usual.pair_weight.empty()) teacher.pair_weight = usual.pair_weight;
    }
    if (teacher.pair == kChosenWeight) teacher.pair = chosen ? kPair : 0;
  }
}

void start_student(TrainingSession& session) {
  const Recipe& recipe = session.recipe;
  const GuidanceRecipe& guidance = recipe.guidance;
  for (const TeacherRecipe& teacher : guidance.teachers) {
    if (teacher.pair > 0) check_pair_originals(session);
    if (teacher.pair_judge > 0 && session.student.objective->originals() != Originals::data) {
      fail(
          "guidance.pair_judge: what teachers judge of this {} stands for no images of the data; a CycleGAN's cycles "
          "do, "
          "with guidance.pair_images = \"cycles\"",
          session.recipe.family);
    }
    check_weight(session, "guidance.weight", teacher.lambda > 0, teacher.weight);
    check_weight(session, "guidance.pair_weight", teacher.pair > 0, teacher.pair_weight);
  }
  if (guidance.stage1 == "distill") {
    if (!offers_distillation(session)) {
      fail("guidance.stage1 = \"distill\": {} has no training of that kind", recipe.family);
    }
    add_distillation(session);
  }
  inherit_from_teacher(session);
  if (recipe.run.command == "compress") refuse_larger(session);
  freeze_discriminators(session);
  if (!recipe.run.from_stage1.empty()) begin_from_stage1(session);
  if (recipe.run.from_teacher) begin_from(session, *session.teacher, recipe.teacher().file);
}

void start_from_model(TrainingSession& session) {
  const std::string& file = session.recipe.run.from_model;
  const NetworkSet model = load_model(file);
  const Family& family = family_of(model, file);
  if (&family != &session.family())
    fail("{}: a {}, where the recipe is of a {}", file, family.name(), session.recipe.family);
  begin_from(session, model, file);
  session.recipe.ema_ramp = 0;
  freeze_discriminators(session);
}

}  // namespace dgl
