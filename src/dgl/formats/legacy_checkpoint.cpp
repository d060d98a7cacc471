#include "dgl/formats/legacy_checkpoint.h"

#include <cstring>

#include "dgl/base/error.h"

namespace dgl {

namespace {

// torch/serialization.py: the legacy format begins with the number 0x1950a86a20f9469cfc6c as a pickle of its own. The
// next pickle is the number of the format's protocol. The text below leaves out the opcode that names the first
// pickle's protocol.
constexpr char kLegacyMagic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
constexpr size_t kLegacyMagicSize = sizeof(kLegacyMagic) - 1;
constexpr int kLegacyProtocol = 1001;
constexpr uint8_t kFrameOpcode = 0x95;  // since protocol 4; eight bytes of length follow
constexpr size_t kProtocolSize = 2, kFrameSize = 9;

/// Where the magic number begins.
size_t magic_at(const uint8_t* data, uint64_t size) {
  return size > kProtocolSize && data[kProtocolSize] == kFrameOpcode ? kProtocolSize + kFrameSize : kProtocolSize;
}

}  // namespace

bool begins_as_legacy_checkpoint(const uint8_t* data, uint64_t size) {
  const size_t at = magic_at(data, size);
  return size >= at + kLegacyMagicSize && std::memcmp(data + at, kLegacyMagic, kLegacyMagicSize) == 0;
}

LegacyHead read_legacy_head(ByteReader& reader, const std::string& origin,
                            const std::function<Pickle(ByteReader&)>& read) {
  read(reader);
  const Pickle protocol = read(reader);
  if (protocol.at(protocol.root).kind != PickleValue::Kind::integer ||
      protocol.at(protocol.root).integer != kLegacyProtocol) {
    fail_file("{}: a checkpoint of an unknown protocol; expected {}", origin, kLegacyProtocol);
  }
  const Pickle system = read(reader);
  const PickleValue& facts = system.at(system.root);
  for (size_t i = 0; facts.kind == PickleValue::Kind::dict && i + 1 < facts.items.size(); i += 2) {
    if (system.at(facts.items[i]).text == "little_endian" && system.at(facts.items[i + 1]).integer != 1) {
      fail_file("{}: the checkpoint's byte order is not little-endian", origin);
    }
  }
  LegacyHead head{read(reader), {}};
  const Pickle keys = read(reader);
  if (keys.at(keys.root).kind != PickleValue::Kind::sequence) {
    fail_file("{}: the checkpoint does not list its storages", origin);
  }
  for (const uint32_t place : keys.at(keys.root).items) head.keys.push_back(keys.at(place).text);
  return head;
}

}  // namespace dgl
