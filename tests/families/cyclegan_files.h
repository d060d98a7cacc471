#pragma once

#include <string>
#include <vector>

#include "dgl/families/import.h"
#include "temporary_folder.h"

namespace dgl::test {

inline const fs::path kCycleGanFiles = fs::path(DGL_SOURCE_DIR) / "tests/golden/cyclegan";

/// The network of each file.
inline NetworkSet imported_cyclegan(const std::vector<std::string>& names, int64_t resolution = 16) {
  std::vector<fs::path> files;
  for (const std::string& name : names) files.push_back(kCycleGanFiles / name);
  return import_model(files, {.from = {}, .resolution = resolution});
}

/// Both generators and both discriminators of the reference's.
inline NetworkSet whole_cyclegan() {
  return imported_cyclegan({"latest_net_G_A.pth", "latest_net_G_B.pth", "latest_net_D_A.pth", "latest_net_D_B.pth"});
}

}  // namespace dgl::test
