#include "dgl/formats/checkpoint.h"

#include <fmt/format.h>
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "dgl/formats/pickle.h"
#include "dgl/formats/zip.h"

namespace dgl {

namespace {

using Kind = PickleValue::Kind;

constexpr char kZipMagic[] = "PK\3\4";
constexpr size_t kMaxDictDepth = 8, kMaxKey = 256, kMaxTensors = 1 << 16, kMaxVisits = 1 << 20;
// torch/serialization.py: the legacy format begins with the number 0x1950a86a20f9469cfc6c as a pickle of its own. The
// next pickle is the number of the format's protocol. The text below leaves out the opcode that names the first
// pickle's protocol.
constexpr char kLegacyMagic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr size_t kLegacyMagicSize = sizeof(kLegacyMagic) - 1;
constexpr int kLegacyProtocol = 1001;
constexpr uint8_t kFrameOpcode = 0x95;  // since protocol 4; eight bytes of length follow

/// Returns the bytes of a storage. Called on the first use of each storage.
using ReadStorage = std::function<Bytes(size_t index, uint64_t bytes)>;

/// Creates the tensors of a pickle as views of the storages that `read` returns.
class Tensors {
 public:
  Tensors(const Pickle& pickle, ReadStorage read, const std::string& origin)
      : pickle_(pickle), read_(std::move(read)), origin_(origin), storages_(pickle.storages.size()) {}

  torch::Tensor make(const PickleTensor& tensor) {
    torch::Tensor& storage = storages_[tensor.storage];
    if (!storage.defined()) storage = read(tensor.storage);
    return storage.as_strided(tensor.sizes, tensor.strides, tensor.offset);
  }

 private:
  torch::Tensor read(size_t index) const {
    const PickleStorage& storage = pickle_.storages[index];
    const uint64_t element = c10::elementSize(storage.type);
    uint64_t size = 0;
    if (__builtin_mul_overflow(static_cast<uint64_t>(storage.numel), element, &size)) {
      fail_file("{}: storage {}: its size overflows", origin_, quoted(storage.key));
    }
    const Bytes bytes = read_(index, size);
    // A bool with any other byte is undefined behavior in C++.
    if (storage.type == torch::kBool &&
        std::any_of(bytes.data, bytes.data + bytes.size, [](uint8_t byte) { return byte > 1; })) {
      fail_file("{}: storage {}: a bool that is neither 0 nor 1", origin_, quoted(storage.key));
    }
    if (reinterpret_cast<uintptr_t>(bytes.data) % element == 0 && bytes.owner) {
      // Libtorch has no tensors of constant numbers. Callers must not write to this one.
      return torch::from_blob(
          const_cast<uint8_t*>(bytes.data), {storage.numel}, [owner = bytes.owner](void*) {}, storage.type);
    }
    const torch::Tensor copy = torch::empty({storage.numel}, storage.type);
    if (size > 0) std::memcpy(copy.data_ptr(), bytes.data, size);
    return copy;
  }

  const Pickle& pickle_;
  ReadStorage read_;
  const std::string origin_;
  std::vector<torch::Tensor> storages_;
};

/// Collects the tensors in nested dicts.
class Flattener {
 public:
  Flattener(const Pickle& pickle, const std::string& origin, const Wanted& wanted)
      : pickle_(pickle), origin_(origin), wanted_(wanted) {}

  /// Returns the wanted tensors by dotted name.
  std::map<std::string, const PickleTensor*> run() {
    const PickleValue& root = pickle_.at(pickle_.root);
    if (root.kind == Kind::inert) {
      fail_file("{}: the checkpoint is no dict of tensors, but what {} makes, which is not run", origin_, maker(root));
    }
    const auto is_dict = [&](uint32_t place) { return pickle_.at(place).kind == Kind::dict; };
    if (root.kind == Kind::sequence && std::any_of(root.items.begin(), root.items.end(), is_dict)) {
      visit_list(root);
    } else if (root.kind == Kind::dict) {
      visit(root, "", 0);
    } else {
      fail_file("{}: the checkpoint is no dict of tensors", origin_);
    }
    if (found_.empty() && !inert_.empty()) {
      fail_file("{}: the checkpoint has no tensors but those that {} may make, which is not run", origin_, inert_);
    }
    return std::move(found_);
  }

 private:
  /// Visits the dicts of a list, as ddim's training saves it, under their numbers.
  void visit_list(const PickleValue& list) {
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (++visits_ > kMaxVisits) fail_file("{}: more than {} values", origin_, kMaxVisits);
      const PickleValue& value = pickle_.at(list.items[i]);
      if (value.kind == Kind::dict) visit(value, std::to_string(i) + ".", 1);
    }
  }

  void visit(const PickleValue& dict, const std::string& prefix, size_t depth) {
    if (depth > kMaxDictDepth)
      fail_file("{}: dicts nested more than {} deep: {}", origin_, kMaxDictDepth, quoted(prefix));
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      if (++visits_ > kMaxVisits) fail_file("{}: more than {} values", origin_, kMaxVisits);
      const PickleValue &key = pickle_.at(dict.items[i]), &value = pickle_.at(dict.items[i + 1]);
      if (value.kind == Kind::inert && inert_.empty()) inert_ = maker(value);
      if (value.kind != Kind::dict && value.kind != Kind::tensor) continue;
      if (key.kind == Kind::name || key.kind == Kind::inert) continue;  // classes, as Lightning's callbacks
      const std::string name = prefix + key_text(key, prefix);
      if (value.kind == Kind::dict) {
        visit(value, name + ".", depth + 1);
      } else if (!wanted_ || wanted_(name)) {
        // If a key occurs twice, the last one counts, as in Python.
        found_[name] = &pickle_.tensors[static_cast<size_t>(value.integer)];
        if (found_.size() > kMaxTensors) fail_file("{}: more than {} tensors", origin_, kMaxTensors);
      }
    }
  }

  /// The quoted name of the global that would have made an inert value.
  std::string maker(const PickleValue& value) const {
    return quoted(pickle_.at(static_cast<uint32_t>(value.integer)).text);
  }

  std::string key_text(const PickleValue& key, const std::string& prefix) const {
    if (key.kind == Kind::integer) return std::to_string(key.integer);
    if (key.kind != Kind::text)
      fail_file("{}: a key under {} that is neither a text nor a number", origin_, quoted(prefix));
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (key.text.size() > kMaxKey || std::any_of(key.text.begin(), key.text.end(), is_control)) {
      fail_file("{}: a key under {} of more than {} bytes or with control characters", origin_, quoted(prefix),
                kMaxKey);
    }
    return key.text;
  }

  const Pickle& pickle_;
  const std::string origin_;
  const Wanted& wanted_;
  size_t visits_ = 0;
  std::string inert_;  // the first maker of an inert value
  std::map<std::string, const PickleTensor*> found_;
};

TensorFile collect(const Pickle& pickle, const ReadStorage& read, const std::string& origin, const Wanted& wanted) {
  TensorFile file;
  Tensors tensors(pickle, read, origin);
  for (const auto& [name, tensor] : Flattener(pickle, origin, wanted).run()) {
    file.tensors.emplace(name, tensors.make(*tensor));
  }
  return file;
}

/// Parses an archive of FOLDER/data.pkl, FOLDER/data/KEY and, since torch 2.1, FOLDER/byteorder.
TensorFile parse_zip(const Bytes& file, const std::string& origin, const Wanted& wanted) {
  const auto entries = read_zip_directory(file, origin);
  const auto main = std::find_if(entries.begin(), entries.end(), [](const auto& entry) {
    const size_t slash = entry.first.find('/');
    return slash != std::string::npos && entry.first.substr(slash) == "/data.pkl";
  });
  if (main == entries.end())
    fail_file("{}: a zip archive without data.pkl; expected a checkpoint of torch.save", origin);
  const std::string folder = main->first.substr(0, main->first.find('/') + 1);
  const auto content = [&](const std::string& name) {
    const auto found = entries.find(folder + name);
    const std::string what = fmt::format("{}: zip entry {}", origin, quoted(folder + name));
    if (found == entries.end()) fail_file("{}: is missing", what);
    return read_zip_entry(file, found->second, what);
  };
  if (entries.count(folder + "byteorder")) {
    const Bytes order = content("byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data), order.size) != "little") {
      fail_file("{}: the checkpoint's byte order is not little-endian", origin);
    }
  }
  const Bytes text = content("data.pkl");
  ByteReader reader(text.data, text.size, origin + ": data.pkl");
  const Pickle pickle = read_pickle(reader, origin);
  const auto read = [&](size_t index, uint64_t size) {
    const std::string& key = pickle.storages[index].key;
    Bytes bytes = content("data/" + key);
    if (bytes.size != size) {
      fail_file("{}: storage {}: {} bytes, expected {}", origin, quoted(key), bytes.size, size);
    }
    return bytes;
  };
  return collect(pickle, read, origin, wanted);
}

/// Parses five pickles: the magic number, the protocol, the system, the object and the keys of its storages. The
/// storages follow in the order of these keys, each as its number of elements (int64) and its bytes.
TensorFile parse_legacy(const Bytes& file, const std::string& origin, const Wanted& wanted) {
  ByteReader reader(file.data, file.size, origin);
  reader.take(2);
  if (ByteReader ahead = reader; ahead.number<uint8_t>() == kFrameOpcode) reader.take(9);
  if (std::memcmp(reader.take(kLegacyMagicSize), kLegacyMagic, kLegacyMagicSize) != 0) {
    fail_file("{}: a pickle, but no checkpoint of torch.save", origin);
  }
  const Pickle protocol = read_pickle(reader, origin);
  if (protocol.at(protocol.root).kind != Kind::integer || protocol.at(protocol.root).integer != kLegacyProtocol) {
    fail_file("{}: a checkpoint of an unknown protocol; expected {}", origin, kLegacyProtocol);
  }
  const Pickle system = read_pickle(reader, origin);
  const PickleValue& facts = system.at(system.root);
  for (size_t i = 0; facts.kind == Kind::dict && i + 1 < facts.items.size(); i += 2) {
    if (system.at(facts.items[i]).text == "little_endian" && system.at(facts.items[i + 1]).integer != 1) {
      fail_file("{}: the checkpoint's byte order is not little-endian", origin);
    }
  }
  const Pickle pickle = read_pickle(reader, origin);
  const Pickle keys = read_pickle(reader, origin);
  if (keys.at(keys.root).kind != Kind::sequence) fail_file("{}: the checkpoint does not list its storages", origin);

  std::map<std::string, size_t> index_of;
  for (size_t i = 0; i < pickle.storages.size(); ++i) index_of[pickle.storages[i].key] = i;
  std::vector<std::optional<Bytes>> contents(pickle.storages.size());
  for (const uint32_t place : keys.at(keys.root).items) {
    const auto found = index_of.find(keys.at(place).text);
    if (found == index_of.end() || contents[found->second]) {
      fail_file("{}: the checkpoint's list of storages does not fit its tensors", origin);
    }
    const PickleStorage& storage = pickle.storages[found->second];
    const auto numel = reader.number<int64_t>();
    const auto element = static_cast<int64_t>(c10::elementSize(storage.type));
    if (numel != storage.numel) {
      fail_file("{}: storage {}: {} elements, expected {}", origin, quoted(storage.key), numel, storage.numel);
    }
    if (static_cast<uint64_t>(numel) > reader.left() / static_cast<uint64_t>(element)) {
      fail_file("{}: storage {}: its {} elements go past the end of the file; perhaps an incomplete download", origin,
                quoted(storage.key), numel);
    }
    const auto size = static_cast<uint64_t>(numel * element);
    contents[found->second] = Bytes{reader.take(size), size, file.owner};
  }
  const auto read = [&](size_t index, uint64_t) {
    if (!contents[index]) fail_file("{}: storage {} is missing", origin, quoted(pickle.storages[index].key));
    return *contents[index];
  };
  return collect(pickle, read, origin, wanted);
}

Bytes map_file(const std::filesystem::path& path) {
  const auto map = std::make_shared<const MappedFile>(path);
  return {map->data(), map->size(), map};
}

bool is_zip(const Bytes& file) { return file.size >= 4 && std::memcmp(file.data, kZipMagic, 4) == 0; }
bool is_pickle(const Bytes& file) { return file.size >= 2 && file.data[0] == 0x80 && file.data[1] <= 5; }

}  // namespace

TensorFile parse_checkpoint(const Bytes& file, const std::string& origin, const Wanted& wanted) {
  if (is_zip(file)) return parse_zip(file, origin, wanted);
  if (is_pickle(file)) return parse_legacy(file, origin, wanted);
  fail_file("{}: expected a PyTorch checkpoint, a file that torch.save wrote", origin);
}

TensorFile load_checkpoint(const std::filesystem::path& path, const Wanted& wanted) {
  return parse_checkpoint(map_file(path), path.string(), wanted);
}

TensorFile load_tensors(const std::filesystem::path& path, const Wanted& wanted) {
  const Bytes file = map_file(path);
  // A safetensors file whose header has 0x0280 bytes begins like a pickle. The brace after the length distinguishes
  // them.
  if (file.size > 8 && file.data[8] == '{') return parse_safetensors(file.data, file.size, path.string());
  if (is_zip(file) || is_pickle(file)) return parse_checkpoint(file, path.string(), wanted);
  fail_file("{}: expected a PyTorch checkpoint (torch.save) or a safetensors file", path.string());
}

}  // namespace dgl
