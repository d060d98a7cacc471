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
#include "dgl/formats/legacy_checkpoint.h"
#include "dgl/formats/pickle.h"
#include "dgl/formats/state_dict.h"
#include "dgl/formats/zip.h"

namespace dgl {

namespace {

constexpr char kZipMagic[] = "PK\3\4";

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
    const Bytes bytes = storage.inside ? pickle_.inside(storage) : read_(index, size);
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

TensorFile collect(const Pickle& pickle, const ReadStorage& read, const std::string& origin, const Wanted& wanted) {
  TensorFile file;
  Tensors tensors(pickle, read, origin);
  const FoundTensors found = find_tensors(pickle, origin, wanted);
  for (const auto& [name, tensor] : found.tensors) file.tensors.emplace(name, tensors.make(*tensor));
  if (!found.arguments.is_null()) {
    file.metadata[kNetworkArguments] =
        found.arguments.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
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

/// Parses the format before torch 1.6.
TensorFile parse_legacy(const Bytes& file, const std::string& origin, const Wanted& wanted) {
  ByteReader reader(file.data, file.size, origin);
  const LegacyHead head = read_legacy_head(reader, origin, [&](ByteReader& in) { return read_pickle(in, origin); });
  const Pickle& pickle = head.object;
  std::map<std::string, size_t> index_of;
  for (size_t i = 0; i < pickle.storages.size(); ++i) {
    if (!pickle.storages[i].inside) index_of[pickle.storages[i].key] = i;
  }
  std::vector<std::optional<Bytes>> contents(pickle.storages.size());
  for (const std::string& key : head.keys) {
    const auto found = index_of.find(key);
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

/// Parses a pickle that holds all of its numbers, as NVIDIA's programs write their networks.
TensorFile parse_bare_pickle(const Bytes& file, const std::string& origin, const Wanted& wanted) {
  ByteReader reader(file.data, file.size, origin);
  const Pickle pickle = read_pickle(reader, origin);
  const auto read = [&](size_t, uint64_t) -> Bytes {
    fail_file("{}: a pickle without the numbers of its tensors; expected a checkpoint of torch.save", origin);
  };
  TensorFile found = collect(pickle, read, origin, wanted);
  if (found.tensors.empty()) {
    fail_file("{}: a pickle, but no checkpoint of torch.save nor networks of NVIDIA's programs", origin);
  }
  return found;
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
  if (begins_as_legacy_checkpoint(file.data, file.size)) return parse_legacy(file, origin, wanted);
  if (is_pickle(file)) return parse_bare_pickle(file, origin, wanted);
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
