#include "dgl/data/dataset_json.h"

#include <algorithm>
#include <unordered_map>

#include "dgl/base/error.h"
#include "dgl/base/json.h"
#include "dgl/formats/bytes.h"

namespace dgl {

namespace {

constexpr int64_t kMaxLabel = 65535;

/// Returns the number of an entry's label.
int32_t label_number(const nlohmann::json& label, const std::string& name, const std::string& origin) {
  if (label.is_array()) {
    fail_file("{}: the label of {} is a list of numbers; expected one whole number, a class", origin, quoted(name));
  }
  if (!label.is_number_integer() || label < 0 || label > kMaxLabel) {
    fail_file("{}: the label of {} is {}; expected a whole number from 0 to {}", origin, quoted(name),
              label.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 40), kMaxLabel);
  }
  return label.get<int32_t>();
}

/// A path whose parts may be divided as on Windows.
std::string with_slashes(std::string path) {
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

}  // namespace

std::vector<int32_t> read_dataset_json(std::string_view text, const std::string& origin,
                                       const std::vector<std::filesystem::path>& images) {
  std::string why;
  const nlohmann::json file = parse_json(text, &why);
  if (file.is_discarded()) fail_file("{}: {}", origin, why);
  if (!file.is_object()) fail_file("{}: expected an object with \"labels\"", origin);
  const auto list = file.find("labels");
  if (list == file.end() || list->is_null()) {
    fail_file("{}: says that the images have no labels; leave out --labels", origin);
  }
  if (!list->is_array()) fail_file("{}: \"labels\" is no list of names and labels", origin);
  std::unordered_map<std::string, size_t> place_of;
  for (size_t i = 0; i < images.size(); ++i) place_of.emplace(images[i].generic_string(), i);
  const auto sizes = fmt::format("{} labels for {} images", list->size(), images.size());
  constexpr int32_t kNone = -1;
  std::vector<int32_t> labels(images.size(), kNone);
  for (const nlohmann::json& entry : *list) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string()) {
      fail_file("{}: \"labels\" has something other than pairs of a name and a label", origin);
    }
    const std::string name = with_slashes(entry[0].get<std::string>());
    const auto found = place_of.find(name);
    if (found == place_of.end()) fail_file("{}: {}: there is no image {}", origin, sizes, quoted(name));
    int32_t& label = labels[found->second];
    if (label != kNone) fail_file("{}: {}: {} has two", origin, sizes, quoted(name));
    label = label_number(entry[1], name, origin);
  }
  const auto missing = std::find(labels.begin(), labels.end(), kNone);
  if (missing != labels.end()) {
    fail_file("{}: {}: {} has none", origin, sizes,
              quoted(images[static_cast<size_t>(missing - labels.begin())].generic_string()));
  }
  return labels;
}

}  // namespace dgl
