#include "dgl/base/json.h"

namespace dgl {

namespace {

constexpr int kMaxDepth = 32;

struct TooDeep {};

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string* why) {
  using nlohmann::json;
  const auto watch = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw TooDeep();
    return true;
  };
  std::string what = "it is nested too deeply";
  try {
    return json::parse(text, watch);
  } catch (const TooDeep&) {
  } catch (const json::exception& error) {
    // Removes the library's prefix "[json.exception.…] ". Limits the length to one line, since the message quotes the
    // text that was read last.
    what = error.what();
    what = what.substr(what.find("] ") == std::string::npos ? 0 : what.find("] ") + 2, 160);
  }
  if (why) *why = what;
  return json(json::value_t::discarded);
}

}  // namespace dgl
