#include "dgl/demo/web_runtime.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "dgl/base/error.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

/// The message of the Error that reading a runtime throws; "" if it throws none.
std::string refusal(const std::string& path) {
  try {
    load_web_runtime(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(WebRuntime, IsReadFromAFolderOrWhereNpmInstalledIt) {
  const test::TemporaryFolder folder;
  folder.put("a/dist/ort.wasm-core.min.js", "a script");
  folder.put("a/dist/ort-wasm-simd.wasm", "a module");
  folder.put("b/node_modules/onnxruntime-web/dist/ort.wasm-core.min.js", "b script");
  folder.put("b/node_modules/onnxruntime-web/dist/ort-wasm-simd.wasm", "b module");
  EXPECT_EQ(load_web_runtime(folder / "a").script, "a script");
  EXPECT_EQ(load_web_runtime(folder / "b").module, "b module");
  ::setenv("DGL_WEB_RUNTIME", (folder / "a").c_str(), 1);
  EXPECT_EQ(load_web_runtime("").module, "a module");
  ::unsetenv("DGL_WEB_RUNTIME");
}

TEST(WebRuntime, SaysHowToGetIt) {
  const test::TemporaryFolder folder;
  folder.put("other/dist/ort.min.js", "another version");
  const std::string command = "npm pack onnxruntime-web@1.17.3";
  ::unsetenv("DGL_WEB_RUNTIME");
  for (const std::string& path : {std::string(), (folder / "none").string(), (folder / "other").string()}) {
    EXPECT_NE(refusal(path).find(command), std::string::npos) << refusal(path);
  }
  EXPECT_NE(refusal(folder / "other").find("ort.wasm-core.min.js"), std::string::npos);
}

}  // namespace
}  // namespace dgl
