#include "dgl/cli/format_names.h"

#include "dgl/families/import.h"

namespace dgl {

std::vector<std::string> format_names(bool only_exports) {
  std::vector<std::string> names;
  for (const auto& format : checkpoint_formats()) {
    if (!only_exports || format->can_export()) names.push_back(format->name());
  }
  return names;
}

}  // namespace dgl
