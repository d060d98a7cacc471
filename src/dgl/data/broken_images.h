#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "dgl/data/source.h"

namespace dgl {

/// The images of a source that cannot be read. Its functions can be called from several threads.
class BrokenImages {
 public:
  /// Calls `read`, which reads image `place`. Returns false, and keeps why, if it throws an Error.
  bool try_to(int64_t place, const std::function<void()>& read);
  bool empty() const;
  bool has(int64_t place) const;
  /// Returns how many there are of `all` images, and why the first cannot be read.
  std::string text(int64_t all) const;
  /// Throws an Error that says the same if there are any. It names `origin` and the option that leaves them out.
  void fail_if_any(int64_t all, const std::string& origin) const;

 private:
  mutable std::mutex mutex_;
  std::map<int64_t, std::string> why_;
};

}  // namespace dgl
