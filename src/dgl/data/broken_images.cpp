#include "dgl/data/broken_images.h"

#include "dgl/base/error.h"

namespace dgl {

bool BrokenImages::try_to(int64_t place, const std::function<void()>& read) {
  try {
    read();
    return true;
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    const std::lock_guard lock(mutex_);
    why_.emplace(place, error.what());
    return false;
  }
}

bool BrokenImages::empty() const {
  const std::lock_guard lock(mutex_);
  return why_.empty();
}

bool BrokenImages::has(int64_t place) const {
  const std::lock_guard lock(mutex_);
  return why_.count(place) != 0;
}

std::string BrokenImages::text(int64_t all) const {
  constexpr size_t kShownBroken = 10;
  const std::lock_guard lock(mutex_);
  std::string text = fmt::format("{} of {} images cannot be read: ", why_.size(), all);
  size_t shown = 0;
  for (const auto& [place, why] : why_) {
    if (shown == kShownBroken) break;
    text += (shown++ ? "; " : "") + why;
  }
  return why_.size() > shown ? fmt::format("{}; and {} more", text, why_.size() - shown) : text;
}

void BrokenImages::fail_if_any(int64_t all, const std::string& origin) const {
  if (empty()) return;
  if (why_.size() == 1) fail_file("{}; --skip-broken leaves such an image out", why_.begin()->second);
  fail_file("{}: {}; --skip-broken leaves them out", origin, text(all));
}

}  // namespace dgl
