#include "dgl/families/import.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/json.h"
#include "dgl/families/family.h"
#include "dgl/formats/checkpoint.h"

namespace dgl {

namespace {

constexpr const char* kSettingsFile = "config.json";

/// The file of tensors that a folder of diffusers' holds; a file itself.
std::filesystem::path file_in_folder(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  for (const char* name : {"diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"}) {
    if (std::filesystem::exists(path / name)) return path / name;
  }
  fail("{}: a folder without diffusion_pytorch_model.safetensors; expected a checkpoint or a model of diffusers",
       path.string());
}

/// What config.json beside a file says; null without one.
nlohmann::json settings_beside(const std::filesystem::path& path) {
  constexpr int64_t kMostBytes = 1 << 20;
  const std::filesystem::path file = path.parent_path() / kSettingsFile;
  if (!std::filesystem::exists(file)) return nullptr;
  std::string why;
  nlohmann::json settings = parse_json(read_file(file, kMostBytes), &why);
  if (settings.is_discarded()) fail("{}: {}", file.string(), why);
  if (!settings.is_object()) fail("{}: expected a table of settings", file.string());
  return settings;
}

/// A file's tensors without the parts of names that nn.DataParallel ("module") and torch.compile ("_orig_mod") put
/// before those of the networks that they wrap. Throws Error if two tensors would have one name then.
TensorFile without_wrapping_modules(const TensorFile& file, const std::string& origin) {
  TensorFile plain{{}, file.metadata};
  for (const auto& [name, tensor] : file.tensors) {
    std::string rest = "." + name;
    for (const std::string part : {".module.", "._orig_mod."}) {
      for (size_t at = rest.find(part); at != std::string::npos; at = rest.find(part, at)) {
        rest.erase(at, part.size() - 1);
      }
    }
    if (!plain.tensors.emplace(rest.substr(1), tensor).second) {
      fail("{}: tensors {} and {}, of a network and of one that wraps it; expected one of them", origin, rest.substr(1),
           name);
    }
  }
  return plain;
}

/// A state dict and its format.
struct Found {
  std::shared_ptr<const CheckpointFormat> format;
  StateDict dict;
};

/// The slot of the network that these tensors make up in a format; empty if it is not of that format.
std::string find_slot(const CheckpointFormat& format, const NamedTensors& tensors) {
  for (const auto& signature : format.signatures()) {
    if (tensors.count(signature.tensor)) return signature.slot;
  }
  return "";
}

/// The role that a format's files give to the state dict under `prefix`; nothing if they have none there.
std::optional<SlotRole> role_at(const CheckpointFormat& format, const std::string& prefix) {
  for (const auto& known : format.prefixes()) {
    if (known.prefix == prefix) return known.role;
  }
  return std::nullopt;
}

/// Adds the state dict under `prefix`, if it is of one of the formats. `role` is what another format's files have
/// there.
void add_dict(std::vector<Found>& found, const TensorFile& file, const std::string& origin, const std::string& prefix,
              std::optional<SlotRole> role) {
  NamedTensors tensors = file.with_prefix(prefix);
  for (const auto& format : checkpoint_formats()) {
    const std::string slot = find_slot(*format, tensors);
    if (slot.empty()) continue;
    NamedTensors others;
    for (const std::string& name : format->other_tensors()) {
      if (const auto tensor = file.tensors.find(name); tensor != file.tensors.end()) others.insert(*tensor);
    }
    if (const auto own = role_at(*format, prefix)) role = own;
    if (!role || role->slot.empty()) {
      role = format->role_in_file(slot, std::filesystem::path(origin).filename().string());
      for (const auto& [name, tensor] : others) tensors.erase(name);
    } else if (slot != role->slot) {
      fail("{}: {} holds a {} where a {} was expected", origin, prefix, slot, role->slot);
    }
    found.push_back({format, {*role, std::move(tensors), std::move(others), origin, prefix}});
    return;
  }
}

/// Those of a file whose networks lie where a format's files have them, or that is one state dict.
std::vector<Found> find_dicts_in(const TensorFile& file, const std::string& origin) {
  std::vector<Found> found;
  std::vector<std::string> prefixes;
  for (const auto& format : checkpoint_formats()) {
    for (const auto& [prefix, role] : format->prefixes()) {
      if (std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end()) continue;
      prefixes.push_back(prefix);
      add_dict(found, file, origin, prefix, role);
    }
  }
  if (found.empty()) add_dict(found, file, origin, "", std::nullopt);
  return found;
}

/// The state dicts of a file, the dict that they lie in, and the tensors beside that.
struct Contents {
  std::vector<Found> found;
  TensorFile file, beside;
};

/// The program that a file of networks which are known, but not read, is of; empty if it is of none of these.
std::string known_program(const TensorFile& file) {
  // A part of a tensor's name that only one program has, and the program.
  static const std::vector<std::pair<std::string, std::string>> programs{
      {".synthesis.input.freqs", "StyleGAN3"},
      {".iwt.ll", "SWAGAN (stylegan2-pytorch with --arch swagan)"},
      {".G.initial_block", "lucidrains/stylegan2-pytorch"},
      {".style_mlp.1.weight", "BasicSR's StyleGAN2"},
      {".blocks.0.0.conv2d1.", "PyTorch-StudioGAN"}};
  for (const auto& [name, tensor] : file.tensors) {
    for (const auto& [part, program] : programs) {
      if (("." + name).find(part) != std::string::npos) return program;
    }
  }
  return "";
}

/// State dicts may lie in the whole file, or within a dict that programs put around them.
Contents contents_of(const TensorFile& file, const std::string& origin) {
  if (const std::string program = known_program(file); !program.empty()) {
    fail("{}: networks of {}, which are not imported (docs/formats.md says which are)", origin, program);
  }
  if (auto found = find_dicts_in(file, origin); !found.empty()) return {std::move(found), file, {}};
  for (const std::string wrapper : {"state_dict.", "model.", "model_state_dict.", "params_ema.", "params."}) {
    Contents inner{{}, {file.with_prefix(wrapper), {}}, file};
    inner.found = find_dicts_in(inner.file, origin);
    if (inner.found.empty()) continue;
    std::erase_if(inner.beside.tensors, [&](const auto& item) { return item.first.starts_with(wrapper); });
    return inner;
  }
  std::vector<std::string> names, signatures, unknown;
  for (const auto& format : checkpoint_formats()) {
    names.push_back(format->name());
    for (const auto& signature : format->signatures()) signatures.push_back(signature.tensor);
  }
  for (const auto& [name, tensor] : file.tensors) unknown.push_back(name);
  fail("{}: not of {}; missing: {}; unknown: {}", origin, fmt::join(names, " or "), fmt::join(signatures, ", "),
       first_names(unknown));
}

/// Tensors of files that no network took.
struct LeftOut {
  int64_t count = 0;
  std::vector<std::string> names;  ///< theirs, or the dotted prefixes that only they have: "loss.perceptual_loss.*"

  void add(const TensorFile& file, const std::vector<Found>& found);
};

void LeftOut::add(const TensorFile& file, const std::vector<Found>& found) {
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(found.begin(), found.end(),
                       [&](const Found& f) { return name.starts_with(f.dict.prefix) || f.dict.others.count(name); });
  };
  std::set<std::string> shared;  // prefixes of tensors that networks took
  for (const auto& [name, tensor] : file.tensors) {
    if (!is_taken(name)) continue;
    for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
      shared.insert(name.substr(0, dot));
    }
  }
  for (const auto& [name, tensor] : file.tensors) {
    if (is_taken(name)) continue;
    ++count;
    size_t dot = name.find('.');
    while (dot != std::string::npos && shared.count(name.substr(0, dot))) dot = name.find('.', dot + 1);
    const std::string shown = dot == std::string::npos ? name : name.substr(0, dot) + ".*";
    if (names.empty() || names.back() != shown) names.push_back(shown);
  }
}

}  // namespace

std::string first_names(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  const size_t shown = std::min(names.size(), kShown);
  std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text.empty() ? "none" : text;
}

TensorFile CheckpointFormat::export_model(const NetworkSet&, const std::string& origin) const {
  fail("{}: models are not written as {}", origin, name());
}

SlotRole CheckpointFormat::role_in_file(const std::string& slot, const std::string& file) const {
  return {slot, slot == "generator" && file.starts_with("G_ema")};
}

void check_settings(const StateDict& dict, const std::vector<RequiredSetting>& required) {
  if (dict.settings.is_null()) return;
  for (const auto& [key, value, usual] : required) {
    const nlohmann::json given = dict.settings.value(key, usual);
    if (given == value) continue;
    fail("{}: {} beside it says {} = {}; expected {}", dict.origin, kSettingsFile, key, given.dump(), value.dump());
  }
}

int64_t number_setting(const StateDict& dict, const char* key, int64_t usual) {
  constexpr int64_t kMost = 65536;
  const nlohmann::json value = dict.settings.is_null() ? nlohmann::json() : dict.settings.value(key, nlohmann::json());
  if (value.is_null()) return usual;
  if (!value.is_number_integer() || value < 1 || value > kMost) {
    fail("{}: {} beside it says {} = {}; expected a whole number from 1 to {}", dict.origin, kSettingsFile, key,
         value.dump(), kMost);
  }
  return value.get<int64_t>();
}

void check_names(const StateDict& dict, const std::string& format, const std::vector<std::string>& missing,
                 const std::vector<std::string>& unknown) {
  if (missing.empty() && unknown.empty()) return;
  fail("{}: not a {} of {}; missing: {}; unknown: {}", dict.origin, dict.role.slot, format, first_names(missing),
       first_names(unknown));
}

void fill_network(Network& network, const NamedTensors& tensors, const StateDict& dict, const std::string& format,
                  const NameInFile& name_in_file) {
  TensorFile file, expected;
  put_module(expected, "", network);
  NamedTensors rest = tensors;
  std::vector<std::string> missing, unknown;
  for (const auto& [own, tensor] : expected.tensors) {
    const std::string name = name_in_file ? name_in_file(own) : own;
    if (const auto found = rest.extract(name)) {
      file.tensors.emplace(own, found.mapped());
    } else {
      missing.push_back(dict.prefix + name);
    }
  }
  for (const auto& [name, tensor] : rest) unknown.push_back(dict.prefix + name);
  check_names(dict, format, missing, unknown);
  get_module(file, "", network, dict.origin);
}

int64_t count_numbers(const NamedTensors& tensors) {
  int64_t numbers = 0;
  for (const auto& [name, tensor] : tensors) numbers += tensor.numel();
  return numbers;
}

std::vector<std::shared_ptr<const CheckpointFormat>> checkpoint_formats() {
  std::vector<std::shared_ptr<const CheckpointFormat>> all;
  for (const Family* family : families()) {
    for (auto& format : family->checkpoint_formats()) all.push_back(std::move(format));
  }
  return all;
}

std::shared_ptr<const CheckpointFormat> find_checkpoint_format(const std::string& name, const std::string& key) {
  std::vector<std::string> names;
  for (auto& format : checkpoint_formats()) {
    if (format->name() == name) return format;
    names.push_back(format->name());
  }
  fail("{} {}: expected {}", key, name, fmt::join(names, " or "));
}

NetworkSet import_model(const std::vector<std::filesystem::path>& files, const ImportOptions& options) {
  // Optimizer states, two thirds of a checkpoint, are not read.
  const auto wanted = [](const std::string& name) { return name.find("optim") == std::string::npos; };
  std::map<std::string, NetworkSlot> slots;
  NetworkSet model;
  std::vector<std::string> names;
  const Family* family = nullptr;
  LeftOut left_out;
  std::vector<std::string> made_up;
  std::shared_ptr<const CheckpointFormat> first_format;
  const auto wanted_format = options.from.empty() ? nullptr : find_checkpoint_format(options.from, "--from");
  for (const auto& file_or_folder : files) {
    const std::filesystem::path path = file_in_folder(file_or_folder);
    const TensorFile file = without_wrapping_modules(load_tensors(path, wanted), path.string());
    Contents contents = contents_of(file, path.string());
    nlohmann::json arguments;
    if (const auto kept = file.metadata.find(kNetworkArguments); kept != file.metadata.end()) {
      arguments = parse_json(kept->second);
    }
    left_out.add(contents.file, contents.found);
    left_out.add(contents.beside, {});
    for (auto& [format, dict] : contents.found) {
      if (format->has_settings()) dict.settings = settings_beside(path);
      if (!dict.prefix.empty() && arguments.is_object()) {
        dict.settings = arguments.value(dict.prefix.substr(0, dict.prefix.size() - 1), nlohmann::json());
      }
      if (wanted_format && !wanted_format->goes_with(*format)) {
        fail("{}: its tensors are named as in {}, not in {}", dict.origin, format->name(), options.from);
      }
      if (!first_format) first_format = format;
      if (!first_format->goes_with(*format)) {
        fail("{}: {}* is named as in {}, an earlier network as in {}; expected one program's names", dict.origin,
             dict.prefix, format->name(), first_format->name());
      }
      NetworkSlot& slot = slots[dict.role.slot];
      auto& network = dict.role.average ? slot.average : slot.network;
      if (network) fail("{}: holds a network that an earlier file holds already", dict.origin);
      network = format->import_network(dict, options);
      network->eval();
      family = &family_of(network->settings(), dict.origin);
      for (const std::string& line : format->made_up(dict)) {
        if (std::find(made_up.begin(), made_up.end(), line) == made_up.end()) made_up.push_back(line);
      }
      model.info["imported"] = {{"from", format->name()}};
    }
    names.push_back(path.filename().string());
  }
  const std::string all_names = fmt::format("{}", fmt::join(names, ", "));
  for (const SlotSpec& spec : family->slots()) {
    const auto found = slots.find(spec.name);
    if (found == slots.end()) continue;
    NetworkSlot slot = std::move(found->second);
    slot.name = spec.name;
    slot.role = spec.role;
    if (slot.network && slot.average && slot.network->settings() != slot.average->settings()) {
      fail("{}: the {} and its average have different shapes", all_names, slot.name);
    }
    model.add(std::move(slot));
  }
  family->check_networks(model, all_names);
  model.info["imported"]["files"] = names;
  if (!made_up.empty()) model.info["imported"]["made_up"] = made_up;
  if (left_out.count > 0) {
    model.info["imported"]["left_out"] = {{"tensors", left_out.count}, {"names", left_out.names}};
  }
  return model;
}

}  // namespace dgl
