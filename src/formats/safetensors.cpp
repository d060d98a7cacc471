#include "formats/safetensors.h"

#include <cstring>
#include <set>

#include "base/error.h"
#include "base/files.h"

namespace dgl {

namespace {

using nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr int kMaxDepth = 8;

struct TypeName {
  const char* name;
  torch::ScalarType type;
};

constexpr TypeName kTypes[] = {{"F64", torch::kDouble}, {"F32", torch::kFloat}, {"F16", torch::kHalf},
                               {"BF16", torch::kBFloat16}, {"I64", torch::kLong}, {"I32", torch::kInt},
                               {"I16", torch::kShort}, {"I8", torch::kChar}, {"U8", torch::kByte},
                               {"BOOL", torch::kBool}};

/// The header as JSON. Nested deeper than any header is, or with a name twice, it is refused while it is read.
json parse_header(const char* begin, const char* end, const std::string& origin) {
  std::vector<std::set<std::string>> names;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    using Event = json::parse_event_t;
    if (depth > kMaxDepth) fail("{}: the header is nested too deeply for a safetensors file", origin);
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    if (event == Event::key && !names.back().insert(parsed.get<std::string>()).second) {
      fail("{}: the header names {} twice", origin, parsed.dump());
    }
    return true;
  };
  try {
    json header = json::parse(begin, end, watch);
    if (!header.is_object()) fail("{}: the header is not a JSON object", origin);
    return header;
  } catch (const json::exception&) {
    fail("{}: the header is not JSON; expected a safetensors file", origin);
  }
}

/// Where a tensor lies in the file, checked against it.
struct Entry {
  std::string name;
  torch::ScalarType type;
  std::vector<int64_t> shape;
  uint64_t begin, end;
};

uint64_t offset_of(const json& value, const std::string& what) {
  if (!value.is_number_unsigned()) fail("{}: data_offsets: expected two whole numbers", what);
  return value.get<uint64_t>();
}

Entry read_entry(const std::string& name, const json& value, uint64_t data_size, const std::string& origin) {
  const std::string what = fmt::format("{}: tensor {}", origin, name);
  if (!value.is_object() || !value.contains("dtype") || !value.contains("shape") || !value.contains("data_offsets") ||
      !value["dtype"].is_string() || !value["shape"].is_array() || !value["data_offsets"].is_array() ||
      value["data_offsets"].size() != 2) {
    fail("{}: expected dtype, shape and two data_offsets", what);
  }
  Entry entry{name, {}, {}, 0, 0};
  const auto dtype = value["dtype"].get<std::string>();
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) { return dtype == t.name; });
  if (type == std::end(kTypes)) fail("{}: dtype {} is not supported", what, dtype);
  entry.type = type->type;
  uint64_t bytes = c10::elementSize(entry.type);
  for (const json& size : value["shape"]) {
    if (!size.is_number_unsigned()) fail("{}: shape: expected whole numbers", what);
    const auto n = size.get<uint64_t>();
    if (n > static_cast<uint64_t>(INT64_MAX) || __builtin_mul_overflow(bytes, n, &bytes)) {
      fail("{}: its shape overflows", what);
    }
    entry.shape.push_back(static_cast<int64_t>(n));
  }
  entry.begin = offset_of(value["data_offsets"][0], what);
  entry.end = offset_of(value["data_offsets"][1], what);
  if (entry.begin > entry.end || entry.end > data_size) {
    fail("{}: data offsets ({}, {}) lie outside the {} bytes of data; perhaps an incomplete download", what, entry.begin,
         entry.end, data_size);
  }
  if (entry.end - entry.begin != bytes) {
    fail("{}: its shape and dtype need {} bytes, its offsets span {}", what, bytes, entry.end - entry.begin);
  }
  return entry;
}

/// The data must be covered without overlaps and holes, so that no byte has two meanings or none.
void check_coverage(std::vector<Entry> entries, uint64_t data_size, const std::string& origin) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) fail("{}: tensor {}: its data overlaps another's or leaves a hole", origin, entry.name);
    at = entry.end;
  }
  if (at != data_size) fail("{}: {} bytes of data belong to no tensor", origin, data_size - at);
}

const char* type_name(torch::ScalarType type) {
  for (const TypeName& t : kTypes) {
    if (t.type == type) return t.name;
  }
  fail("safetensors: tensors of type {} cannot be written", c10::toString(type));
}

}  // namespace

const torch::Tensor& TensorFile::at(const std::string& name, const std::string& origin) const {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail("{}: has no tensor {}", origin, name);
  return found->second;
}

TensorFile load_safetensors(const std::filesystem::path& path) {
  const MappedFile map(path);
  const std::string origin = path.string();
  if (map.size() < 8) fail("{}: {} bytes; expected a safetensors file", origin, map.size());
  uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) header_size = header_size << 8 | map.data()[i];
  if (header_size > kMaxHeader || header_size > map.size() - 8) {
    fail("{}: a header of {} bytes does not fit the file; expected a safetensors file", origin, header_size);
  }
  const char* text = reinterpret_cast<const char*>(map.data()) + 8;
  const json header = parse_header(text, text + header_size, origin);
  const uint8_t* data = map.data() + 8 + header_size;
  const uint64_t data_size = map.size() - 8 - header_size;

  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != "__metadata__") {
      entries.push_back(read_entry(name, value, data_size, origin));
      continue;
    }
    if (!value.is_object()) fail("{}: __metadata__: expected an object of texts", origin);
    for (const auto& [key, entry] : value.items()) {
      if (!entry.is_string()) fail("{}: __metadata__: {}: expected a text", origin, key);
      file.metadata[key] = entry.get<std::string>();
    }
  }
  check_coverage(entries, data_size, origin);
  for (const Entry& entry : entries) {
    torch::Tensor tensor = torch::empty(entry.shape, entry.type);
    if (entry.end > entry.begin) std::memcpy(tensor.data_ptr(), data + entry.begin, entry.end - entry.begin);
    file.tensors.emplace(entry.name, std::move(tensor));
  }
  return file;
}

void save_safetensors(const std::filesystem::path& path, const TensorFile& file) {
  json header = json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const uint64_t bytes = static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header[name] = {{"dtype", type_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    fail("{}: a tensor's name or the metadata is not UTF-8", path.string());
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  AtomicFile out(path);
  char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xff);
  out.write(length, sizeof(length));
  out.write(text);
  for (const auto& [name, tensor] : file.tensors) {
    const torch::Tensor plain = tensor.detach().cpu().contiguous();
    out.write(plain.data_ptr(), plain.nbytes());
  }
  out.commit();
}

}  // namespace dgl
