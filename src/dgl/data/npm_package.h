#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace dgl {

/// The files of an npm package: an archive written by `npm pack`, read into memory, or a folder with its unpacked
/// files.
class NpmPackage {
 public:
  /// Accepts any path. A path that is neither an archive (.tgz, .tar.gz) nor a folder has no files. Throws Error if the
  /// archive is damaged.
  explicit NpmPackage(const std::filesystem::path& path);

  bool is_archive() const { return archive_; }
  /// True if the package has this file. `name` is relative to the package's root, such as "src/digits/0.json".
  bool has(const std::string& name) const;
  /// Returns the file's content. Throws Error if the file is missing.
  std::string read(const std::string& name) const;
  /// Returns the name of the file for messages.
  std::string origin(const std::string& name) const;
  /// The files of an archive by their names in it.
  const std::map<std::string, std::string>& files() const { return files_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path folder_of(const std::string& name) const;

  std::filesystem::path path_;
  bool archive_ = false;
  std::map<std::string, std::string> files_;  // files of an archive; their names begin with "package/"
};

}  // namespace dgl
