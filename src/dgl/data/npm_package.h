#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace dgl {

/// The files of an npm package: its archive as `npm pack` leaves it, read into memory, or a folder that it was unpacked
/// to.
class NpmPackage {
 public:
  /// Any path; one that is neither an archive (.tgz, .tar.gz) nor a folder has no files. Error for a damaged archive.
  explicit NpmPackage(const std::filesystem::path& path);

  bool is_archive() const { return archive_; }
  /// Whether it has a file of this name, told from the package's root: "src/digits/0.json".
  bool has(const std::string& name) const;
  /// The file's content. Error if it is not there.
  std::string read(const std::string& name) const;
  /// What the file is called in a message.
  std::string origin(const std::string& name) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path folder_of(const std::string& name) const;

  std::filesystem::path path_;
  bool archive_ = false;
  std::map<std::string, std::string> files_;  // of an archive, with "package/" before their names
};

}  // namespace dgl
