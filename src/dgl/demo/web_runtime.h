#pragma once

#include <string>

namespace dgl {

/// The parts of ONNX Runtime Web (https://onnxruntime.ai, MIT license) that run a model in a browser, as the npm
/// package onnxruntime-web has them: its script for one thread and the WebAssembly module with SIMD.
struct WebRuntime {
  std::string script;  ///< dist/ort.wasm-core.min.js, which defines the global `ort`
  std::string module;  ///< dist/ort-wasm-simd.wasm
  std::string origin;  ///< where they were found
};

/// The version of the npm package that pages are tested with.
inline constexpr const char* kWebRuntimeVersion = "1.17.3";

/// Reads the runtime from `path`, which is the archive that `npm pack` writes, the package's folder, or a folder with
/// node_modules/onnxruntime-web. "": from the environment variable DGL_WEB_RUNTIME, or else from where `cmake
/// --install` put it, share/dgl/onnxruntime-web beside the program's folder. Throws Error, which says how to get it, if
/// it is in none of these, and Error for one of another version that lacks these files.
WebRuntime load_web_runtime(const std::string& path);

}  // namespace dgl
