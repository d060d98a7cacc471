#include "dgl/base/byte_text.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace dgl {

namespace {

constexpr uint32_t kEscapes = 0xEF00, kFirst = kEscapes + 0x80, kLast = kEscapes + 0xFF;

/// A character of UTF-8, or a byte that is none.
struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0 for what is not UTF-8
};

/// The character at `at` (RFC 3629: no surrogates, nothing above U+10FFFF, no longer form than needed).
Character character_at(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return {};
  uint32_t code = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3Fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, length};
}

bool is_escape(uint32_t code) { return code >= kFirst && code <= kLast; }

void append_escape(std::string& text, uint8_t byte) {
  const uint32_t code = kEscapes + byte;
  text += static_cast<char>(0xE0 | code >> 12);
  text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
  text += static_cast<char>(0x80 | (code & 0x3F));
}

}  // namespace

std::string utf8_of(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const Character character = character_at(bytes, at);
    if (character.bytes > 0 && !is_escape(character.code)) {
      text.append(bytes, at, character.bytes);
      at += character.bytes;
    } else {
      // The first byte of a character that stands for a byte; its others are none of a character's beginning.
      append_escape(text, static_cast<uint8_t>(bytes[at]));
      ++at;
    }
  }
  return text;
}

std::string bytes_of(const std::string& text) {
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const Character character = character_at(text, at);
    if (is_escape(character.code)) {
      bytes += static_cast<char>(character.code - kEscapes);
    } else {
      bytes.append(text, at, character.bytes > 0 ? character.bytes : 1);
    }
    at += character.bytes > 0 ? character.bytes : 1;
  }
  return bytes;
}

std::string json_text(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace dgl
