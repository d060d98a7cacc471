#include "dgl/data/opened_set.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#include "dgl/base/error.h"
#include "dgl/data/packed.h"
#include "dgl/data/prepare.h"

namespace dgl {

namespace {

namespace fs = std::filesystem;

/// A folder of its own that is removed with all that is in it.
struct TemporaryFolder {
  fs::path path;

  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "dgl-images-XXXXXX").string();
    if (!::mkdtemp(name.data())) fail("{}: cannot be made: {}", name, std::strerror(errno));
    path = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

}  // namespace

bool is_packed_set(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;
  std::string begin(sizeof(kPackedMagic) - 1, '\0');
  std::ifstream(path, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return begin == kPackedMagic;
}

std::unique_ptr<Dataset> open_set(const fs::path& path, int64_t channels,
                                  const std::function<void(const std::string&)>& note) {
  if (is_packed_set(path) || !fs::exists(path)) return std::make_unique<Dataset>(path);
  const TemporaryFolder folder;  // the set is mapped into memory, so that its file may go
  PrepareOptions options;
  options.source = path;
  options.out = folder.path / "images.dgldata";
  options.channels = channels;
  const PreparedSet prepared = prepare_dataset(options, {});
  for (const std::string& line : prepared.notes) note(line);
  return std::make_unique<Dataset>(options.out);
}

}  // namespace dgl
