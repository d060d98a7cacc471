#include "dgl/demo/web_runtime.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/data/npm_package.h"

namespace dgl {

namespace {

constexpr const char *kScript = "dist/ort.wasm-core.min.js", *kModule = "dist/ort-wasm-simd.wasm";
constexpr const char* kVariable = "DGL_WEB_RUNTIME";

/// share/dgl/onnxruntime-web of the installation that the running program is of.
fs::path installed_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path().parent_path() / "share/dgl/onnxruntime-web";
}

std::string how_to_get_it() {
  return fmt::format("`npm pack onnxruntime-web@{0}` gets it, and --runtime onnxruntime-web-{0}.tgz takes it",
                     kWebRuntimeVersion);
}

WebRuntime read_runtime(const fs::path& path, const std::string& origin) {
  if (!fs::exists(path)) fail_file("{}: no such file or folder; {}", origin, how_to_get_it());
  const fs::path installed_by_npm = path / "node_modules/onnxruntime-web";
  const NpmPackage package(fs::is_directory(installed_by_npm) ? installed_by_npm : path);
  for (const char* name : {kScript, kModule}) {
    if (!package.has(name)) fail_file("{}: has no {}, which a page needs; {}", origin, name, how_to_get_it());
  }
  return {package.read(kScript), package.read(kModule), package.path().string()};
}

}  // namespace

WebRuntime load_web_runtime(const std::string& path) {
  if (!path.empty()) return read_runtime(path, "--runtime " + path);
  if (const char* variable = std::getenv(kVariable); variable && *variable) {
    return read_runtime(variable, fmt::format("{}={}", kVariable, variable));
  }
  const fs::path installed = installed_folder();
  if (!installed.empty() && fs::is_directory(installed)) return read_runtime(installed, installed.string());
  fail("a page needs ONNX Runtime Web, which is not installed; {}", how_to_get_it());
}

}  // namespace dgl
