#pragma once

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "dgl/formats/checkpoint.h"
#include "make_files.h"

namespace dgl::test {

template <class T>
std::string little_endian(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

inline std::string repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// A pickle of protocol 2 that does `operations`.
inline std::string make_pickle(const std::string& operations) { return "\x80\x02" + operations + "."; }

/// Pushes a text.
inline std::string text(const std::string& words) {
  return "X" + little_endian(static_cast<uint32_t>(words.size())) + words;
}

/// Pushes a tensor; numel, sizes, strides and offset are operations that push them.
inline std::string tensor(const std::string& key, const std::string& numel, const std::string& sizes,
                          const std::string& strides, const std::string& offset = std::string("K\0", 2),
                          const std::string& storage = "FloatStorage") {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + storage + "\n" + text(key) +
         text("cpu") + numel + "tQ" + offset + sizes + strides + "\x89NtR";
}

/// Pushes {"t": a tensor}.
inline std::string tensor_call(const std::string& key, char numel, const std::string& sizes, const std::string& strides,
                               const std::string& offset = std::string("K\0", 2)) {
  return "}" + text("t") + tensor(key, std::string("K") + numel, sizes, strides, offset) + "s";
}

/// A zip archive of stored or deflated entries, in their order.
inline std::string make_zip(const std::vector<std::pair<std::string, std::string>>& entries, bool deflate = false) {
  std::string file, directory;
  for (const auto& [name, plain] : entries) {
    const auto crc = static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const uint8_t*>(plain.data()), plain.size()));
    const std::string packed = deflated(plain), content = deflate ? packed.substr(2, packed.size() - 6) : plain;
    const std::string fields = little_endian<uint16_t>(0) + little_endian<uint16_t>(deflate ? 8 : 0) +
                               little_endian<uint32_t>(0) + little_endian(crc) +
                               little_endian(static_cast<uint32_t>(content.size())) +
                               little_endian(static_cast<uint32_t>(plain.size())) +
                               little_endian(static_cast<uint16_t>(name.size())) + little_endian<uint16_t>(0);
    directory += "PK\1\2" + little_endian<uint16_t>(0) + little_endian<uint16_t>(0) + fields + std::string(10, '\0') +
                 little_endian(static_cast<uint32_t>(file.size())) + name;
    file += "PK\3\4" + little_endian<uint16_t>(0) + fields + name + content;
  }
  const auto count = static_cast<uint16_t>(entries.size());
  const std::string end = "PK\5\6" + little_endian<uint32_t>(0) + little_endian(count) + little_endian(count) +
                          little_endian(static_cast<uint32_t>(directory.size())) +
                          little_endian(static_cast<uint32_t>(file.size())) + little_endian<uint16_t>(0);
  return file + directory + end;
}

/// A state dict of float32 and int64 tensors as torch.save writes it since 1.6.
inline std::string make_state_dict(const TensorFile& file) {
  const auto number = [](int64_t value) { return "J" + little_endian(static_cast<int32_t>(value)); };
  const auto numbers = [&](at::IntArrayRef values) {
    std::string all = "(";
    for (const int64_t value : values) all += number(value);
    return all + "t";
  };
  std::vector<std::pair<std::string, std::string>> entries(1);
  std::string items;
  for (const auto& [name, stored] : file.tensors) {
    const torch::Tensor values = stored.contiguous();
    const std::string key = std::to_string(entries.size() - 1);
    items += text(name) + tensor(key, number(values.numel()), numbers(values.sizes()), numbers(values.strides()),
                                 number(0), values.scalar_type() == torch::kLong ? "LongStorage" : "FloatStorage");
    entries.emplace_back("archive/data/" + key,
                         std::string(static_cast<const char*>(values.data_ptr()), values.nbytes()));
  }
  entries[0] = {"archive/data.pkl", make_pickle("ccollections\nOrderedDict\n)R(" + items + "u")};
  return make_zip(entries);
}

/// A checkpoint as torch before 1.6 wrote it, with one storage of float32, or none where `key` is empty.
inline std::string make_legacy(const std::string& pickle, const std::string& key, const std::string& numbers) {
  const std::string list = key.empty() ? "]" : "]" + text(key) + "a";
  const std::string content = key.empty() ? "" : little_endian(static_cast<int64_t>(numbers.size() / 4)) + numbers;
  return std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15) + make_pickle("M\xe9\x03") +
         make_pickle("}" + text("little_endian") + "\x88s") + pickle + make_pickle(list) + content;
}

/// parse_checkpoint of bytes in memory of exactly their length.
inline TensorFile parse(const std::string& file) {
  const std::vector<uint8_t> bytes(file.begin(), file.end());
  return parse_checkpoint({bytes.data(), bytes.size(), nullptr}, "hostile");
}

}  // namespace dgl::test
