#include "dgl/training/session.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "dgl/base/toml_file.h"
#include "dgl/base/torch.h"
#include "dgl/families/model_file.h"
#include "dgl/guidance/guided_loss.h"
#include "dgl/guidance/matching_term.h"
#include "dgl/guidance/pair_judge_term.h"
#include "dgl/guidance/pair_term.h"
#include "dgl/ops/kernel_set.h"
#include "dgl/recipe/labels.h"
#include "dgl/training/run_phase.h"
#include "dgl/training/student_start.h"

namespace dgl {

namespace {

/// Opens the packed set of each domain and completes the recipe with their labels.
void open_data(TrainingSession& session) {
  Recipe& recipe = session.recipe;
  const ImageShape image = recipe.network->image();
  for (const std::string& file : recipe.data_files()) {
    if (file.empty()) {
      fail("{} needs a packed set for each of its domains: {}", recipe.family,
           fmt::join(session.family().domains(), ", "));
    }
    const auto data = std::make_shared<Dataset>(file);
    const DatasetInfo& info = data->info();
    if (info.resolution != image.height || info.channels != image.channels) {
      fail("{}: images of {} x {} x {}, but the recipe's network makes {} x {} x {}", file, info.channels,
           info.resolution, info.resolution, image.channels, image.height, image.width);
    }
    session.data.push_back(data);
  }
  recipe = with_labels_of(*session.data[0], std::move(recipe));
  if (recipe.network->conditional) session.label_shares = label_shares(*session.data[0]).to(session.device);
}

/// Whether a model's own recipe says that its discriminator saw augmented images.
bool saw_augmented_images(const NetworkSet& model, const std::string& origin) {
  const auto recipe = model.info.find("recipe");
  if (recipe == model.info.end() || !recipe->is_string()) return false;
  const nlohmann::json table = parse_toml(recipe->get<std::string>(), origin + ": its recipe");
  return !table.value("training", nlohmann::json::object()).value("augment", "").empty();
}

/// Adds what one of a teacher's discriminators judges.
void add_judge(TrainingSession& session, const NetworkSet& model, const TeacherRecipe& how,
               const DomainDiscriminator& judge) {
  const auto& discriminator = judge.network;
  discriminator->set_activations(parse_precision(session.recipe.precision, "training.precision"));
  const std::string loss = how.loss.empty() ? family_of(discriminator->settings(), how.file).default_loss() : how.loss;
  if (loss.empty()) fail("{}: its family has no adversarial loss; expected guidance.loss to name one", how.file);
  session.guidance.add({.name = how.file,
                        .discriminator = discriminator,
                        .loss = make_adversarial_loss(loss, "guidance.loss"),
                        .lambda = make_schedule(how.schedule, how.lambda, "guidance.schedule"),
                        .weight = make_weight(how.weight, "guidance.weight"),
                        .resize = session.recipe.guidance.resize,
                        .augmented = saw_augmented_images(model, how.file),
                        .domain = judge.domain},
                       session.student_shape());
  if (how.pair > 0) {
    session.guidance.add(std::make_unique<PairTerm>(
        PairTeacher{.name = how.file,
                    .discriminator = discriminator,
                    .distance = how.pair_distance,
                    .mu = make_schedule(how.pair_schedule, how.pair, "guidance.pair_schedule"),
                    .weight = make_pair_weight(how.pair_weight, "guidance.pair_weight"),
                    .domain = judge.domain}));
  }
  if (how.match > 0) {
    session.guidance.add(std::make_unique<MatchingTerm>(
        MatchingTeacher{.name = how.file,
                        .discriminator = discriminator,
                        .distance = how.match_distance,
                        .weight = make_schedule(how.match_schedule, how.match, "guidance.match_schedule"),
                        .domain = judge.domain}));
  }
}

/// Adds what a teacher's discriminators of pairs judge. Throws Error if it has none.
void add_pair_judges(TrainingSession& session, const NetworkSet& model, const TeacherRecipe& how) {
  const auto judges = pair_discriminators_of(model, how.file);
  if (judges.empty()) {
    fail(
        "{}: guidance.pair_judge: the teacher has no discriminators of pairs; student.part = \"pair_discriminators\" "
        "trains those of a CycleGAN",
        how.file);
  }
  for (const DomainDiscriminator& judge : judges) {
    judge.network->set_activations(parse_precision(session.recipe.precision, "training.precision"));
    const std::string loss =
        how.loss.empty() ? family_of(judge.network->settings(), how.file).default_loss() : how.loss;
    session.guidance.add(std::make_unique<PairJudgeTerm>(PairJudge{.name = how.file,
                                                                   .discriminator = judge.network,
                                                                   .loss = make_adversarial_loss(loss, "guidance.loss"),
                                                                   .weight = how.pair_judge,
                                                                   .domain = judge.domain},
                                                         session.student_shape().image));
  }
}

/// Adds a teacher to the session's guidance. One that is asked for nothing needs no discriminator.
void add_teacher(TrainingSession& session, const NetworkSet& model, const TeacherRecipe& how) {
  const GuidanceRecipe& wanted = session.recipe.guidance;
  const bool asked = how.guides() || wanted.for_discriminator.any() || wanted.train_teacher;
  if (!asked && discriminators_of(model, how.file).empty()) return;
  model.to(session.device);
  model.set_reference(session.recipe.reference);
  for (const DomainDiscriminator& judge : judges_of(session, model, how.file)) add_judge(session, model, how, judge);
  if (how.pair_judge > 0) add_pair_judges(session, model, how);
}

/// Adds all teachers of the recipe, the first from the session.
void add_teachers(TrainingSession& session) {
  const GuidanceRecipe& wanted = session.recipe.guidance;
  const TeacherRecipe& first = session.recipe.teacher();
  add_teacher(session, *session.teacher, first);
  for (size_t i = 1; i < wanted.teachers.size(); ++i) {
    add_teacher(session, load_model(wanted.teachers[i].file), wanted.teachers[i]);
  }
  session.teacher_sampler = family_of(*session.teacher, first.file).sampler(*session.teacher);
  session.guidance.guide_discriminator(wanted.for_discriminator, session.teacher_sampler, session.student_shape());
}

std::vector<Stage> plan_stages(const Recipe& recipe) {
  const auto images = [](double kimg) { return std::llround(kimg * 1000); };
  const GuidanceRecipe& g = recipe.guidance;
  const bool second_only = recipe.has_student() && (recipe.run.from_teacher || !recipe.run.from_stage1.empty());
  const bool distills = g.stage1 == "distill";
  std::vector<Stage> stages{{1, "alone", images(recipe.kimg), 0, false}};
  if (recipe.has_student()) {
    bool guided = g.for_discriminator.any() || g.train_teacher;
    for (const TeacherRecipe& teacher : g.teachers) guided = guided || teacher.guides();
    stages = {{1, distills ? "distill" : "alone", second_only ? 0 : images(g.stage1_kimg), 0, false, distills},
              {2, guided ? "guided" : "alone", images(g.stage2_kimg), recipe.teacher().lambda, guided}};
  }
  int64_t sum = 0;
  for (const Stage& stage : stages) sum += stage.images;
  if (sum == 0) {
    fail("the recipe trains for 0 images; expected {} above 0", second_only ? "guidance.stage2_kimg"
                                                                : recipe.has_student()
                                                                    ? "guidance.stage1_kimg or stage2_kimg"
                                                                    : "training.kimg");
  }
  return stages;
}

/// Throws Error for a network that no phase trains and that does not start from the teacher's.
void check_untrained(const TrainingSession& session) {
  const Recipe& recipe = session.recipe;
  for (const NetworkSlot& slot : session.student.networks) {
    const auto& phases = session.student.phases;
    if (std::any_of(phases.begin(), phases.end(), [&](const Phase& phase) { return trains(phase, slot); })) continue;
    if (!recipe.has_student()) fail("student.part: the {} would not be trained, which is for students only", slot.name);
    const bool judges = slot.role == NetworkRole::discriminator;
    const std::string& start = judges ? recipe.discriminator_init : recipe.init;
    if (start == "teacher") continue;
    fail("student.{} = \"{}\": the {} is not trained (student.part); expected \"teacher\", with a teacher that has one",
         judges ? "discriminator_init" : "init", start, slot.name);
  }
}

/// The student's generators with the teacher's discriminator in the place of their own, and its discriminator's phases.
std::unique_ptr<TrainedNetworks> make_taught(const TrainingSession& session) {
  const Recipe& recipe = session.recipe;
  const std::string& file = recipe.teacher().file;
  const auto discriminator = discriminator_of(*session.teacher, file);
  const Family& family = family_of(discriminator->settings(), file);
  if (family.name() != recipe.family) {
    fail("{}: a discriminator of {}, which cannot go on learning with {} (guidance.train_teacher)", file, family.name(),
         recipe.family);
  }
  const ImageShape image = recipe.network->image();
  if (discriminator->resolution() != image.height || discriminator->channels() != image.channels) {
    fail(
        "{}: the teacher's discriminator takes {} x {} x {} images and can only go on learning "
        "(guidance.train_teacher) "
        "from images of its own size; the data's are {} x {} x {}",
        file, discriminator->channels(), discriminator->resolution(), discriminator->resolution(), image.channels,
        image.height, image.width);
  }
  auto taught = std::make_unique<TrainedNetworks>();
  for (const NetworkSlot& slot : session.student.networks) {
    const bool judges = slot.role == NetworkRole::discriminator;
    const auto network = judges ? session.teacher->at(slot.name, file).network : slot.network;
    taught->networks.add({.name = slot.name, .role = slot.role, .network = network});
  }
  taught->objective = family.objective(*recipe.network, taught->networks);
  taught->phases = taught->objective->phases();
  std::erase_if(taught->phases, [](const Phase& phase) { return phase.guidance; });
  taught->optimizers = make_optimizers(recipe, taught->networks, taught->phases);
  std::erase_if(taught->optimizers, [&](const auto& item) {
    return taught->networks.at(item.first, file).role != NetworkRole::discriminator;
  });
  return taught;
}

/// Throws Error unless the student's discriminators have features that can be aligned to the first teacher's.
void check_alignment(const TrainingSession& session) {
  if (session.recipe.guidance.for_discriminator.align_features == 0) return;
  const auto discriminators = discriminators_of(session.student.networks, "the student");
  if (discriminators.empty())
    fail("guidance.align_features: {} has no discriminator of its own", session.recipe.family);
  const torch::NoGradGuard no_grad;
  const ImageShape shape = session.student_shape().image;
  const torch::Tensor image = torch::zeros({1, shape.channels, shape.height, shape.width}, session.device);
  const torch::Tensor label = torch::zeros({1}, torch::dtype(torch::kLong).device(session.device));
  for (const auto& [slot, discriminator, domain] : discriminators) {
    discriminator->eval();  // so that nothing is tracked
    const auto own = discriminator->judge(image, label, /*chunks=*/1, /*features=*/true).features;
    discriminator->train();
    feature_difference(own, session.guidance.teacher_features(image, label, domain), 1);
  }
}

/// Throws Error for losses that need a whole batch in one place, if it is not there.
void check_whole_batch(const TrainingSession& session) {
  const std::string key = session.student.objective->needs_whole_batch();
  if (key.empty() || (session.processes->count() == 1 && session.recipe.accumulations == 1)) return;
  fail("{} keeps images of whole batches; expected 0, or one process and training.accumulations = 1", key);
}

/// Gives all processes the first one's weights, which may have been drawn otherwise on another kind of processor.
void broadcast_weights(const TrainingSession& session) {
  std::vector<torch::Tensor> all;
  session.student.networks.for_each_network([&](const std::string&, const Network& network) {
    for (const torch::Tensor& tensor : network.parameters()) all.push_back(tensor);
    for (const torch::Tensor& tensor : network.buffers()) all.push_back(tensor);
  });
  session.processes->broadcast(all);
}

}  // namespace

std::vector<DomainDiscriminator> judges_of(const TrainingSession& session, const NetworkSet& model,
                                           const std::string& file) {
  const auto all = discriminators_of(model, file);
  if (!all.empty() && family_of(model, file).domains().size() == session.family().domains().size()) return all;
  return {{"discriminator", discriminator_of(model, file), session.family().output_domain()}};
}

TrainingSession::TrainingSession(const Recipe& wanted)
    : recipe(wanted),
      augmentation(wanted.augmentation()),
      lr_schedule(make_schedule(wanted.lr_schedule, 1, "training.lr_schedule")) {}

uint64_t TrainingSession::seed(Stream stream, uint64_t k) const {
  return stream_seed(static_cast<uint64_t>(recipe.seed), static_cast<uint64_t>(stream), k);
}

double TrainingSession::run_kimg() const {
  const bool second_of_two = state.stage == 2 && !recipe.run.from_teacher;
  return (second_of_two ? recipe.guidance.stage1_kimg : 0) + static_cast<double>(state.stage_images) / 1000;
}

double TrainingSession::lr_factor() const {
  int64_t seen = state.stage_images;
  for (const Stage& stage : stages) {
    if (stage.number < state.stage) seen += stage.images;
  }
  const double warmup = recipe.lr_warmup_kimg * 1000, next = static_cast<double>(seen + recipe.batch);
  const double ramp = warmup > 0 ? std::min(1.0, next / warmup) : 1;
  const int64_t all = std::max<int64_t>(1, current_stage().images);
  return ramp * lr_schedule(static_cast<double>(state.stage_images) / static_cast<double>(all));
}

double TrainingSession::images_per_second() const {
  return static_cast<double>(state.tick_images) / std::max(1e-9, state.tick_seconds);
}

bool TrainingSession::trains_discriminators_alone() const {
  return std::all_of(student.phases.begin(), student.phases.end(),
                     [&](const Phase& phase) { return dgl::trains_discriminators_alone(student.networks, phase); });
}

std::unique_ptr<TrainingSession> make_session(const Recipe& wanted, const ProcessGroup& processes) {
  auto session = std::make_unique<TrainingSession>(wanted);
  Recipe& recipe = session->recipe;
  session->processes = &processes;
  session->device = processes.device(recipe.run.device);
  open_data(*session);
  if (recipe.precision == "bf16" && session->device.is_cpu() && !ops::processor_has_bfloat16()) {
    session->notes.push_back(
        "training.precision = \"bf16\" is slower than \"fp32\" on this processor, which has no instructions for it");
  }
  if (recipe.cpu == "fast" && session->device.is_cpu()) {
    const bool half = recipe.precision == "bf16";
    if (!half || !ops::kernels_multiply_bfloat16()) {
      session->notes.push_back(fmt::format(
          "training.cpu = \"fast\" changes nothing {}",
          half ? "on this processor, which cannot multiply bfloat16" : "unless training.precision is \"bf16\""));
    }
  }
  if (recipe.has_student()) session->teacher = std::make_unique<NetworkSet>(load_model(recipe.teacher().file));
  torch::manual_seed(session->seed(Stream::init));
  TrainedNetworks& student = session->student;
  student.networks = make_networks(recipe, student_widths(recipe), session->device);
  student.objective = session->family().objective(*recipe.network, student.networks);
  if (recipe.has_student()) {
    resolve_start(*session);
    add_teachers(*session);
  }
  student.objective->check_teacher(session->teacher_sampler.get(), recipe.has_student() ? recipe.teacher().file : "");
  session->stages = plan_stages(recipe);
  student.phases = training_phases(recipe, *student.objective);
  check_untrained(*session);
  check_whole_batch(*session);
  recipe.shards = choose_shard_count(*student.objective, session->guidance, recipe.batch / recipe.accumulations,
                                     recipe.shards, session->device, processes);
  session->workers = std::make_unique<Workers>(recipe.shards / processes.count());
  session->recorder = make_phase_recorder(recipe, session->device);
  for (size_t domain = 0; domain < session->data.size(); ++domain) {
    session->samplers.push_back(std::make_unique<BatchSampler>(session->data[domain], recipe.batch,
                                                               session->seed(Stream::data, domain), recipe.mirror,
                                                               processes.rank(), processes.count()));
    if (session->device.is_cuda()) session->samplers.back()->pin();
  }
  session->reset_optimizers();
  if (recipe.has_student()) {
    start_student(*session);
    check_alignment(*session);
    if (recipe.guidance.train_teacher) session->taught = make_taught(*session);
  } else if (!recipe.run.from_model.empty()) {
    start_from_model(*session);
  }
  broadcast_weights(*session);
  return session;
}

}  // namespace dgl
