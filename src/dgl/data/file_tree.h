#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/formats/bytes.h"

namespace dgl {

/// The files of a folder and its subfolders, or of a zip archive. Hidden files and folders are left out. Its functions
/// can be called from several threads.
class FileTree {
 public:
  virtual ~FileTree() = default;
  /// The files' paths within the tree, sorted component by component.
  const std::vector<std::filesystem::path>& files() const { return files_; }
  /// The names of the folders at the top, sorted, those without files among them.
  const std::vector<std::string>& folders() const { return folders_; }
  /// The name of file `i` for messages.
  virtual std::string name(size_t i) const = 0;
  /// The content of file `i`. Throws Error, naming the file, if it cannot be read.
  virtual Bytes read(size_t i) const = 0;
  /// The same for a look at the beginning, which is all that is then read of a file in a folder.
  virtual Bytes look(size_t i) const { return read(i); }

 protected:
  std::vector<std::filesystem::path> files_;
  std::vector<std::string> folders_;
};

/// Returns the files of a folder or of a zip archive, and null for anything else. Links to folders, and paths in an
/// archive that lead out of it, are errors. If all files of an archive lie in one folder, which has folders too or
/// dataset.json, they are taken as that folder's.
std::unique_ptr<FileTree> open_file_tree(const std::filesystem::path& path);

}  // namespace dgl
