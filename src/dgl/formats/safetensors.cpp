#include "dgl/formats/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/torch.h"

namespace dgl {

namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr int kMaxHeaderDepth = 8;
constexpr size_t kMaxDimensions = 64;  // libtorch's own limit
constexpr const char* kMetadata = "__metadata__";

struct TypeName {
  const char* name;
  torch::ScalarType type;
};

constexpr TypeName kTypes[] = {{"F64", torch::kDouble},    {"F32", torch::kFloat}, {"F16", torch::kHalf},
                               {"BF16", torch::kBFloat16}, {"I64", torch::kLong},  {"I32", torch::kInt},
                               {"I16", torch::kShort},     {"I8", torch::kChar},   {"U8", torch::kByte},
                               {"BOOL", torch::kBool}};

/// Parses the header as JSON. Rejects deep nesting and duplicate names while it is read.
json parse_header(const char* begin, const char* end, const std::string& origin) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (depth > kMaxHeaderDepth) fail_file("{}: the header is nested too deeply for a safetensors file", origin);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second) {
      fail_file("{}: the header names {} twice", origin, parsed.dump());
    }
    return true;
  };
  try {
    json header = json::parse(begin, end, watch);
    // The format requires the object to begin at the first byte. Only padding after it may be blank.
    if (!header.is_object() || *begin != '{') fail_file("{}: the header is not a JSON object", origin);
    return header;
  } catch (const json::exception&) {
    fail_file("{}: the header is not JSON; expected a safetensors file", origin);
  }
}

/// Throws Error for a name with control characters, since names appear in one-line messages.
void check_name(const std::string& name, const std::string& origin) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    fail_file("{}: tensor {}: a name with control characters", origin, json(name).dump());
  }
}

/// The position of a tensor in the file, checked against the file's size.
struct Entry {
  std::string name;
  torch::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

uint64_t offset_of(const json& value, const std::string& what) {
  if (!value.is_number_unsigned()) fail_file("{}: data_offsets: expected two whole numbers", what);
  return value.get<uint64_t>();
}

Entry read_entry(const std::string& name, const json& value, uint64_t data_size, const std::string& origin) {
  check_name(name, origin);
  const std::string what = fmt::format("{}: tensor {}", origin, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets") ||
      !value["dtype"].is_string() || !value["shape"].is_array() || !value["data_offsets"].is_array() ||
      value["data_offsets"].size() != 2) {
    fail_file("{}: expected dtype, shape and two data_offsets", what);
  }
  Entry entry{name, {}, {}, 0, 0};
  const auto dtype = value["dtype"].get<std::string>();
  const auto* type =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) { return dtype == t.name; });
  if (type == std::end(kTypes)) fail_file("{}: dtype {} is not supported", what, value["dtype"].dump());
  entry.type = type->type;
  if (value["shape"].size() > kMaxDimensions) {
    fail_file("{}: {} dimensions, expected at most {}", what, value["shape"].size(), kMaxDimensions);
  }
  // If a size is 0 the tensor is empty, but its strides are products of the other sizes.
  int64_t extent = static_cast<int64_t>(c10::elementSize(entry.type));
  bool empty = false;
  for (const json& size : value["shape"]) {
    if (!size.is_number_unsigned()) fail_file("{}: shape: expected whole numbers", what);
    const auto n = size.get<uint64_t>();
    if (__builtin_mul_overflow(extent, std::max<uint64_t>(n, 1), &extent)) fail_file("{}: its shape overflows", what);
    empty = empty || n == 0;
    entry.shape.push_back(static_cast<int64_t>(n));
  }
  const uint64_t bytes = empty ? 0 : static_cast<uint64_t>(extent);
  entry.begin = offset_of(value["data_offsets"][0], what);
  entry.end = offset_of(value["data_offsets"][1], what);
  if (entry.begin > entry.end || entry.end > data_size) {
    fail_file("{}: data offsets ({}, {}) lie outside the {} bytes of data; perhaps an incomplete download", what,
              entry.begin, entry.end, data_size);
  }
  if (entry.end - entry.begin != bytes) {
    fail_file("{}: its shape and dtype need {} bytes, its offsets span {}", what, bytes, entry.end - entry.begin);
  }
  return entry;
}

/// Throws Error if data overlaps or has holes, so that every byte has exactly one meaning.
void check_coverage(std::vector<Entry> entries, uint64_t data_size, const std::string& origin) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) fail_file("{}: tensor {}: its data overlaps another's or leaves a hole", origin, entry.name);
    at = entry.end;
  }
  if (at != data_size) fail_file("{}: {} bytes of data belong to no tensor", origin, data_size - at);
}

torch::Tensor read_tensor(const Entry& entry, const uint8_t* data, const std::string& origin) {
  const uint8_t *begin = data + entry.begin, *end = data + entry.end;
  // A bool with any other byte is undefined behavior in C++.
  if (entry.type == torch::kBool && std::any_of(begin, end, [](uint8_t byte) { return byte > 1; })) {
    fail_file("{}: tensor {}: a BOOL that is neither 0 nor 1", origin, entry.name);
  }
  torch::Tensor tensor = torch::empty(entry.shape, entry.type);
  if (begin != end) std::memcpy(tensor.data_ptr(), begin, entry.end - entry.begin);
  return tensor;
}

const char* type_name(torch::ScalarType type, const std::string& what) {
  for (const TypeName& t : kTypes) {
    if (t.type == type) return t.name;
  }
  fail_file("{}: the type {} cannot be written", what, c10::toString(type));
}

using NamedTensor = std::pair<const std::string, torch::Tensor>;

/// Returns the tensors in the order of their data. Larger elements come first, so that each tensor begins at a multiple
/// of its element size. Libraries that view the file in place rely on this.
std::vector<const NamedTensor*> data_order(const TensorFile& file) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& tensor : file.tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return a->second.element_size() > b->second.element_size();
  });
  return order;
}

/// Returns the header's text, padded so that the data begins at a multiple of 8.
std::string header_text(const TensorFile& file, const std::vector<const NamedTensor*>& order,
                        const std::string& origin) {
  json header = json::object();
  uint64_t offset = 0;
  try {
    if (!file.metadata.empty()) header[kMetadata] = file.metadata;
    for (const NamedTensor* named : order) {
      const auto& [name, tensor] = *named;
      if (name == kMetadata) fail_file("{}: tensor {}: the name stands for the metadata", origin, name);
      check_name(name, origin);
      const uint64_t bytes = static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
      header[name] = {{"dtype", type_name(tensor.scalar_type(), origin + ": tensor " + name)},
                      {"shape", tensor.sizes().vec()},
                      {"data_offsets", {offset, offset + bytes}}};
      offset += bytes;
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > kMaxHeader)
      fail_file("{}: a header of {} bytes, expected at most {}", origin, text.size(), kMaxHeader);
    return text;
  } catch (const json::exception&) {
    fail_file("{}: a tensor's name or the metadata is not UTF-8", origin);
  }
}

}  // namespace

std::map<std::string, torch::Tensor> TensorFile::with_prefix(const std::string& prefix) const {
  std::map<std::string, torch::Tensor> found;
  for (auto item = tensors.lower_bound(prefix); item != tensors.end() && item->first.starts_with(prefix); ++item) {
    found.emplace_hint(found.end(), item->first.substr(prefix.size()), item->second);
  }
  return found;
}

const torch::Tensor& TensorFile::at(const std::string& name, const std::string& origin) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail_file("{}: has no tensor {}", origin, name);
  return found->second;
}

TensorFile load_safetensors(const std::filesystem::path& path) {
  const MappedFile map(path);
  return parse_safetensors(map.data(), map.size(), path.string());
}

TensorFile parse_safetensors(const uint8_t* bytes, uint64_t size, const std::string& origin) {
  if (size < 8) fail_file("{}: {} bytes; expected a safetensors file", origin, size);
  uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) header_size = header_size << 8 | bytes[i];
  if (header_size > kMaxHeader || header_size > size - 8) {
    fail_file("{}: a header of {} bytes does not fit the file; expected a safetensors file", origin, header_size);
  }
  const char* text = reinterpret_cast<const char*>(bytes) + 8;
  const json header = parse_header(text, text + header_size, origin);
  const uint8_t* data = bytes + 8 + header_size;
  const uint64_t data_size = size - 8 - header_size;

  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != kMetadata) {
      entries.push_back(read_entry(name, value, data_size, origin));
      continue;
    }
    if (!value.is_object()) fail_file("{}: __metadata__: expected an object of texts", origin);
    for (const auto& [key, entry] : value.items()) {
      if (!entry.is_string()) fail_file("{}: __metadata__: {}: expected a text", origin, json(key).dump());
      file.metadata[key] = entry.get<std::string>();
    }
  }
  check_coverage(entries, data_size, origin);
  for (const Entry& entry : entries) file.tensors.emplace(entry.name, read_tensor(entry, data, origin));
  return file;
}

void save_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  const auto order = data_order(file);
  const std::string text = header_text(file, order, path.string());
  AtomicFile out(path);
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  out.write(length, sizeof(length));
  out.write(text);
  for (const NamedTensor* named : order) {
    const torch::Tensor plain = named->second.detach().cpu().contiguous();
    out.write(plain.data_ptr(), plain.nbytes());
  }
  out.commit();
}

}  // namespace dgl
