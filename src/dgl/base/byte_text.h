#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace dgl {

/// Bytes as UTF-8, for files that have to be: names of files may be any bytes. What is UTF-8 stays as it is; every
/// other byte becomes the character U+EF00 + byte of the private use area, and so does every byte of a character of
/// U+EF80 … U+EFFF itself, so that bytes_of() gives the bytes back.
std::string utf8_of(const std::string& bytes);
/// The bytes of which utf8_of() made this text.
std::string bytes_of(const std::string& text);

/// JSON text in which what is not UTF-8 is replaced by U+FFFD, for people to read. `indent` is the number of spaces of
/// a level; -1 keeps all on one line.
std::string json_text(const nlohmann::json& json, int indent = -1);

}  // namespace dgl
