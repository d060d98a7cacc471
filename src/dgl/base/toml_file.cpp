#include "dgl/base/toml_file.h"

#include "dgl/base/error.h"

namespace dgl {

toml::table parse_toml(const std::string& text, const std::string& origin) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail("{}: line {}: not TOML: {}", origin, error.source().begin.line, error.description());
  }
}

}  // namespace dgl
