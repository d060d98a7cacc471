#include "dgl/formats/state_dict.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/formats/bytes.h"
#include "dgl/formats/checkpoint.h"

namespace dgl {

namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxDictDepth = 8, kMaxModuleDepth = 32, kMaxKey = 256, kMaxTensors = 1 << 16, kMaxVisits = 1 << 20,
                 kMaxArguments = 1 << 12;
constexpr const char* kPersistence = "torch_utils.persistence._reconstruct_persistent_obj";

/// Collects the tensors in nested dicts and networks.
class TensorFinder {
 public:
  TensorFinder(const Pickle& pickle, const std::string& origin, const std::function<bool(const std::string&)>& wanted)
      : pickle_(pickle), origin_(origin), wanted_(wanted) {}

  FoundTensors run() {
    const PickleValue& root = pickle_.at(pickle_.root);
    const auto is_dict = [&](uint32_t place) { return pickle_.at(place).kind == Kind::dict; };
    if (const PickleValue* state = network_state(root)) {
      visit_network(*state, "", 0);
    } else if (root.kind == Kind::inert) {
      fail_file("{}: the checkpoint is no dict of tensors, but what {} makes, which is not run", origin_,
                quoted(maker(root)));
    } else if (root.kind == Kind::sequence && std::any_of(root.items.begin(), root.items.end(), is_dict)) {
      visit_list(root);
    } else if (root.kind == Kind::dict) {
      visit(root, "", 0);
    } else {
      fail_file("{}: the checkpoint is no dict of tensors", origin_);
    }
    if (found_.tensors.empty() && !inert_.empty()) {
      fail_file("{}: the checkpoint has no tensors but those that {} may make, which is not run", origin_,
                dgl::quoted(inert_));
    }
    return std::move(found_);
  }

 private:
  void count_visit() {
    if (++visits_ > kMaxVisits) fail_file("{}: more than {} values", origin_, kMaxVisits);
  }

  /// Visits the dicts of a list, as ddim's training saves it, under their numbers.
  void visit_list(const PickleValue& list) {
    for (size_t i = 0; i < list.items.size(); ++i) {
      count_visit();
      const PickleValue& value = pickle_.at(list.items[i]);
      if (value.kind == Kind::dict) visit(value, std::to_string(i) + ".", 1);
    }
  }

  void visit(const PickleValue& dict, const std::string& prefix, size_t depth) {
    if (depth > kMaxDictDepth)
      fail_file("{}: dicts nested more than {} deep: {}", origin_, kMaxDictDepth, quoted(prefix));
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      count_visit();
      const PickleValue &key = pickle_.at(dict.items[i]), &value = pickle_.at(dict.items[i + 1]);
      const PickleValue* state = network_state(value);
      if (value.kind == Kind::inert && !state && inert_.empty()) inert_ = maker(value);
      if (value.kind != Kind::dict && value.kind != Kind::tensor && !state) continue;
      // Classes, as Lightning's callbacks have them, tuples, None: state dicts have texts and numbers.
      if (key.kind != Kind::text && key.kind != Kind::integer) continue;
      const std::string name = prefix + key_text(key, prefix);
      if (state) {
        if (depth == 0) keep_arguments(name, value, *state);
        visit_network(*state, name + ".", depth + 1);
      } else if (value.kind == Kind::dict) {
        visit(value, name + ".", depth + 1);
      } else {
        add(name, value);
      }
    }
  }

  /// Visits what torch.nn.Module keeps of a network, as its state_dict() does.
  void visit_network(const PickleValue& state, const std::string& prefix, size_t depth) {
    if (depth > kMaxModuleDepth)
      fail_file("{}: networks nested more than {} deep: {}", origin_, kMaxModuleDepth, quoted(prefix));
    std::set<std::string> passing;  // buffers that are not saved
    if (const PickleValue* names = member(state, "_non_persistent_buffers_set", Kind::sequence)) {
      for (const uint32_t place : names->items) {
        count_visit();
        if (pickle_.at(place).text.size() <= kMaxKey) passing.insert(pickle_.at(place).text);
      }
    }
    for (const char* part : {"_parameters", "_buffers", "_modules"}) {
      const PickleValue* const members = member(state, part, Kind::dict);
      for (size_t i = 0; members && i + 1 < members->items.size(); i += 2) {
        count_visit();
        const PickleValue &key = pickle_.at(members->items[i]), &value = pickle_.at(members->items[i + 1]);
        if (key.kind != Kind::text) continue;
        const PickleValue* const inner = network_state(value);
        if (value.kind != Kind::tensor && !inner) continue;
        const std::string name = prefix + key_text(key, prefix);
        if (inner) {
          visit_network(*inner, name + ".", depth + 1);
        } else if (!passing.count(key.text)) {
          add(name, value);
        }
      }
    }
  }

  /// The attributes of a network that was saved as an object; null for anything else.
  const PickleValue* network_state(const PickleValue& value) const {
    if (value.kind != Kind::inert || value.items.empty()) return nullptr;
    const PickleValue* state = &pickle_.at(value.items.back());
    if (maker(value) == kPersistence) {
      const PickleValue* const saved = persistent_argument(value);
      state = saved ? member(*saved, "state", Kind::dict) : nullptr;
    }
    const bool is_network =
        state && member(*state, "_parameters", Kind::dict) && member(*state, "_modules", Kind::dict);
    return is_network ? state : nullptr;
  }

  /// The value under a key of a dict, if it is of this kind; else null.
  const PickleValue* member(const PickleValue& dict, const char* key, Kind kind) const {
    constexpr size_t kMaxAttributes = 128;  // so that looking for one is quick, however often
    if (dict.kind != Kind::dict) return nullptr;
    for (size_t i = 0; i + 1 < std::min(dict.items.size(), 2 * kMaxAttributes); i += 2) {
      const PickleValue& name = pickle_.at(dict.items[i]);
      if (name.kind != Kind::text || name.text != key) continue;
      const PickleValue& value = pickle_.at(dict.items[i + 1]);
      return value.kind == kind ? &value : nullptr;
    }
    return nullptr;
  }

  /// Keeps what a network was made with: the arguments by name, and its class if NVIDIA's persistence saved it.
  void keep_arguments(const std::string& name, const PickleValue& value, const PickleValue& state) {
    const PickleValue* arguments = member(state, "_init_kwargs", Kind::dict);
    if (arguments) found_.arguments[name] = json_of(*arguments, 0);
    const PickleValue* saved = persistent_argument(value);
    const PickleValue* made_of = saved ? member(*saved, "class_name", Kind::text) : nullptr;
    if (made_of) found_.arguments[name][kClassArgument] = json_of(*made_of, 0);
  }

  /// The dict that NVIDIA's persistence gives to what would make a network: {"type": "class", "module_src": …,
  /// "class_name": …, "state": {…}}. Null for anything else.
  const PickleValue* persistent_argument(const PickleValue& value) const {
    if (maker(value) != kPersistence) return nullptr;
    const PickleValue& arguments = pickle_.at(value.items[0]);
    const bool is_one = arguments.kind == Kind::sequence && arguments.items.size() == 1;
    return is_one ? &pickle_.at(arguments.items[0]) : nullptr;
  }

  /// A plain value as JSON; null for what is none.
  nlohmann::json json_of(const PickleValue& value, size_t depth) {
    if (depth > kMaxDictDepth || ++arguments_ > kMaxArguments) return nullptr;
    switch (value.kind) {
      case Kind::boolean: return value.integer != 0;
      case Kind::integer: return value.integer;
      case Kind::real: return value.real;
      case Kind::text: return value.text.size() <= kMaxKey ? nlohmann::json(value.text) : nlohmann::json();
      case Kind::sequence: {
        nlohmann::json list = nlohmann::json::array();
        for (const uint32_t place : value.items) list.push_back(json_of(pickle_.at(place), depth + 1));
        return list;
      }
      case Kind::dict: {
        nlohmann::json object = nlohmann::json::object();
        for (size_t i = 0; i + 1 < value.items.size(); i += 2) {
          const PickleValue& key = pickle_.at(value.items[i]);
          if (key.kind != Kind::text || key.text.size() > kMaxKey) continue;
          object[key.text] = json_of(pickle_.at(value.items[i + 1]), depth + 1);
        }
        return object;
      }
      default: return nullptr;
    }
  }

  void add(const std::string& name, const PickleValue& tensor) {
    if (wanted_ && !wanted_(name)) return;
    // If a key occurs twice, the last one counts, as in Python.
    found_.tensors[name] = &pickle_.tensors[static_cast<size_t>(tensor.integer)];
    if (found_.tensors.size() > kMaxTensors) fail_file("{}: more than {} tensors", origin_, kMaxTensors);
  }

  /// The name of the global that would have made an inert value.
  const std::string& maker(const PickleValue& value) const {
    return pickle_.at(static_cast<uint32_t>(value.integer)).text;
  }

  std::string key_text(const PickleValue& key, const std::string& prefix) const {
    if (key.kind == Kind::integer) return std::to_string(key.integer);
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (key.text.size() > kMaxKey || std::any_of(key.text.begin(), key.text.end(), is_control)) {
      fail_file("{}: a key under {} of more than {} bytes or with control characters", origin_, quoted(prefix),
                kMaxKey);
    }
    return key.text;
  }

  const Pickle& pickle_;
  const std::string origin_;
  const std::function<bool(const std::string&)>& wanted_;
  size_t visits_ = 0, arguments_ = 0;
  std::string inert_;  // the first maker of an inert value
  FoundTensors found_;
};

}  // namespace

FoundTensors find_tensors(const Pickle& pickle, const std::string& origin,
                          const std::function<bool(const std::string&)>& wanted) {
  return TensorFinder(pickle, origin, wanted).run();
}

}  // namespace dgl
