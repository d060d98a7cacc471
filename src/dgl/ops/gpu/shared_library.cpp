#include "dgl/ops/gpu/shared_library.h"

#include <dlfcn.h>

namespace dgl::ops::gpu {

SharedLibrary::SharedLibrary(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    handle_ = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) return;
    error_ = dlerror();
  }
}

void* SharedLibrary::symbol(const char* name) {
  void* found = handle_ ? dlsym(handle_, name) : nullptr;
  if (!found && handle_) error_ = std::string("has no function ") + name;
  return found;
}

}  // namespace dgl::ops::gpu
