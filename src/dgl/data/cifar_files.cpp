#include "dgl/data/cifar_files.h"

#include <algorithm>
#include <utility>

#include "dgl/base/error.h"
#include "dgl/formats/pickle.h"

namespace dgl {

namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxCifarName = 100;

/// A pickle of Python's version, whose value is a dict.
class CifarPickle {
 public:
  CifarPickle(const Bytes& file, const std::string& origin) : origin_(origin) {
    ByteReader reader(file.data, file.size, origin);
    pickle_ = std::make_shared<const Pickle>(read_pickle(reader, origin));
    if (pickle_->at(pickle_->root).kind != Kind::dict) fail_file("{}: expected a dict, as CIFAR's batches are", origin);
  }

  const PickleValue& at(const std::string& key) const {
    const std::vector<uint32_t>& items = pickle_->at(pickle_->root).items;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (pickle_->at(items[i]).kind == Kind::text && pickle_->at(items[i]).text == key)
        return pickle_->at(items[i + 1]);
    }
    fail_file("{}: has no {}, which a batch of CIFAR's has", origin_, key);
  }

  const std::vector<uint32_t>& list(const std::string& key) const {
    const PickleValue& value = at(key);
    if (value.kind != Kind::sequence) fail_file("{}: {}: expected a list", origin_, key);
    return value.items;
  }

  /// The bytes of the array [count, 3072] of uint8 under a key: what numpy gives to an array that it has made.
  const std::string& array(const std::string& key, size_t count) const {
    const PickleValue& value = at(key);
    if (value.kind == Kind::inert && value.items.size() == 2) {
      const PickleValue& state = pickle_->at(value.items[1]);
      const auto size = count * static_cast<size_t>(kCifarBytes);
      if (state.kind == Kind::sequence && state.items.size() == 5) {
        const PickleValue &shape = pickle_->at(state.items[1]), &fortran = pickle_->at(state.items[3]),
                          &bytes = pickle_->at(state.items[4]);
        if (shape.kind == Kind::sequence && shape.items.size() == 2 &&
            pickle_->at(shape.items[0]).integer == static_cast<int64_t>(count) &&
            pickle_->at(shape.items[1]).integer == kCifarBytes && fortran.integer == 0 && bytes.kind == Kind::text &&
            bytes.text.size() == size) {
          return bytes.text;
        }
      }
    }
    fail_file("{}: {}: expected an array of {} x {} bytes, an image for each label", origin_, key, count, kCifarBytes);
  }

  const Pickle& pickle() const { return *pickle_; }
  std::shared_ptr<const void> owner() const { return pickle_; }

 private:
  std::string origin_;
  std::shared_ptr<const Pickle> pickle_;
};

void check_label(const CifarKind& kind, int64_t label, size_t record, const std::string& origin) {
  if (label >= 0 && label < kind.labels) return;
  fail_file("{}: label {} of record {}: expected 0 to {}", origin, label, record, kind.labels - 1);
}

}  // namespace

const std::vector<CifarKind>& cifar_kinds() {
  static const std::vector<CifarKind> kinds{
      {false,
       10,
       "cifar-10-batches-bin",
       {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
       "test_batch.bin",
       ""},
      {true,
       10,
       "cifar-10-batches-py",
       {"data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5"},
       "test_batch",
       ""},
      {false, 100, "cifar-100-binary", {"train.bin"}, "test.bin", "fine_label_names.txt"},
      {true, 100, "cifar-100-python", {"train"}, "test", "meta"}};
  return kinds;
}

std::shared_ptr<const void> read_cifar_images(const CifarKind& kind, const Bytes& file, const std::string& origin,
                                              std::vector<CifarImage>& images) {
  if (kind.python) {
    const CifarPickle pickle(file, origin);
    const std::vector<uint32_t>& labels = pickle.list(kind.labels == 100 ? "fine_labels" : "labels");
    const std::string& pixels = pickle.array("data", labels.size());
    for (size_t i = 0; i < labels.size(); ++i) {
      const PickleValue& label = pickle.pickle().at(labels[i]);
      check_label(kind, label.kind == Kind::integer ? label.integer : -1, i, origin);
      images.push_back({reinterpret_cast<const uint8_t*>(pixels.data()) + i * static_cast<size_t>(kCifarBytes),
                        static_cast<int32_t>(label.integer)});
    }
    return pickle.owner();
  }
  // A record has its label, of CIFAR-100 behind that of the group of labels, and its pixels.
  const uint64_t head = kind.labels == 100 ? 2 : 1, record = head + kCifarBytes;
  if (file.size % record != 0) {
    fail_file("{}: {} bytes, expected a multiple of {} (CIFAR-{} records)", origin, file.size, record, kind.labels);
  }
  for (uint64_t at = 0; at < file.size; at += record) {
    const uint8_t label = file.data[at + head - 1];
    check_label(kind, label, at / record, origin);
    images.push_back({file.data + at + head, label});
  }
  return file.owner;
}

std::vector<std::string> read_cifar_names(const CifarKind& kind, const Bytes& file, const std::string& origin) {
  std::vector<std::string> names;
  if (kind.python) {
    const CifarPickle pickle(file, origin);
    for (const uint32_t place : pickle.list("fine_label_names")) names.push_back(pickle.pickle().at(place).text);
  } else {
    std::string line;
    for (uint64_t i = 0; i < file.size; ++i) {
      const char c = static_cast<char>(file.data[i]);
      if (c != '\n' && c != '\r') {
        line += c;
      } else if (!line.empty()) {
        names.push_back(std::exchange(line, ""));
      }
    }
    if (!line.empty()) names.push_back(line);
  }
  const bool named = std::all_of(names.begin(), names.end(),
                                 [](const std::string& name) { return !name.empty() && name.size() <= kMaxCifarName; });
  if (names.size() != static_cast<size_t>(kind.labels) || !named) {
    fail_file("{}: expected the names of {} labels", origin, kind.labels);
  }
  return names;
}

}  // namespace dgl
