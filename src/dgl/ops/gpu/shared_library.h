#pragma once

#include <string>
#include <vector>

namespace dgl::ops::gpu {

/// A library that is loaded at run time and stays loaded.
class SharedLibrary {
 public:
  /// Loads the first of `names` that can be loaded; tells what the loader said of the last otherwise.
  explicit SharedLibrary(const std::vector<std::string>& names);

  bool loaded() const { return handle_ != nullptr; }
  const std::string& error() const { return error_; }
  /// Sets `function` to the library's function `name`. Returns false, and keeps the name for error(), if it has none.
  template <class F>
  bool get(const char* name, F*& function) {
    function = reinterpret_cast<F*>(symbol(name));
    return function != nullptr;
  }

 private:
  void* symbol(const char* name);

  void* handle_ = nullptr;
  std::string error_;
};

}  // namespace dgl::ops::gpu
