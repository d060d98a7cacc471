#include "dgl/formats/pickle.h"

#include <fmt/format.h>
#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "dgl/formats/legacy_checkpoint.h"
#include "dgl/formats/pickle_globals.h"
#include "dgl/formats/pickle_opcodes.h"

namespace dgl {

namespace {

using Kind = PickleValue::Kind;

constexpr int64_t kMaxOperations = int64_t{1} << 22;
constexpr size_t kMaxSizes = 64, kMaxNameLength = 256, kMaxNames = size_t{1} << 20;  // the last: bytes of all names
constexpr int64_t kMaxEmptyExtent = int64_t{1} << 40;
constexpr uint32_t kMark = UINT32_MAX;  // marks on the stack the beginning of a collection's items

class Machine {
 public:
  /// `operations` counts on. A pickle that is `nested` in another loads none itself.
  Machine(ByteReader& reader, const std::string& origin, int64_t& operations, bool nested = false)
      : in_(reader), origin_(origin), operations_(operations), nested_(nested) {}

  Pickle run() {
    if (in_.number<uint8_t>() != op_protocol) broken("does not begin with its protocol");
    if (const int protocol = in_.number<uint8_t>(); protocol < 2 || protocol > 5) {
      fail_file("{}: pickle protocol {}: expected 2 to 5", origin_, protocol);
    }
    for (;;) {
      count_operation();
      const auto opcode = in_.number<uint8_t>();
      if (opcode == op_stop) {
        out_.root = pop();
        return std::move(out_);
      }
      step(opcode);
    }
  }

 private:
  [[noreturn]] void broken(const std::string& why) const { fail_file("{}: a broken pickle: it {}", origin_, why); }

  void count_operation() {
    if (++operations_ > kMaxOperations) fail_file("{}: a pickle of more than {} operations", origin_, kMaxOperations);
  }

  uint32_t add(PickleValue value) {
    out_.values.push_back(std::move(value));
    return static_cast<uint32_t>(out_.values.size() - 1);
  }
  void push(PickleValue value) { stack_.push_back(add(std::move(value))); }
  void push_integer(int64_t value, Kind kind = Kind::integer) {
    PickleValue result{kind};
    result.integer = value;
    push(std::move(result));
  }
  void push_text(uint64_t length) {
    PickleValue result{Kind::text};
    result.text = in_.text(length);
    push(std::move(result));
  }
  void push_items(Kind kind, std::vector<uint32_t> items) {
    PickleValue result{kind};
    result.items = std::move(items);
    push(std::move(result));
  }

  uint32_t top() const {
    if (stack_.empty() || stack_.back() == kMark) broken("takes more values than it has");
    return stack_.back();
  }
  uint32_t pop() {
    const uint32_t place = top();
    stack_.pop_back();
    return place;
  }
  std::vector<uint32_t> pop_items(size_t count) {
    std::vector<uint32_t> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  std::vector<uint32_t> pop_to_mark() {
    const auto mark = std::find(stack_.rbegin(), stack_.rend(), kMark);
    if (mark == stack_.rend()) broken("ends a collection that it did not begin");
    std::vector<uint32_t> items(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return items;
  }

  void step(uint8_t opcode) {
    switch (opcode) {
      case op_mark: stack_.push_back(kMark); return;
      case op_pop:
        if (stack_.empty()) broken("takes more values than it has");
        stack_.pop_back();
        return;
      case op_pop_mark: pop_to_mark(); return;
      case op_frame: in_.number<uint64_t>(); return;
      case op_none: return push({Kind::none});
      case op_true: return push_integer(1, Kind::boolean);
      case op_false: return push_integer(0, Kind::boolean);
      case op_int4: return push_integer(in_.number<int32_t>());
      case op_int1: return push_integer(in_.number<uint8_t>());
      case op_int2: return push_integer(in_.number<uint16_t>());
      case op_long1: return push_long(in_.number<uint8_t>());
      case op_long4: return push_long(in_.number<uint32_t>());
      case op_float: return push_float();
      case op_text1:
      case op_string1:
      case op_bytes1: return push_text(in_.number<uint8_t>());
      case op_text4:
      case op_string4:
      case op_bytes4: return push_text(in_.number<uint32_t>());
      case op_bytes8:
      case op_byte_array8:
      case op_text8: return push_text(in_.number<uint64_t>());
      case op_empty_dict: return push_items(Kind::dict, {});
      case op_empty_list:
      case op_empty_tuple:
      case op_empty_set: return push_items(Kind::sequence, {});
      case op_tuple1: return push_items(Kind::sequence, pop_items(1));
      case op_tuple2: return push_items(Kind::sequence, pop_items(2));
      case op_tuple3: return push_items(Kind::sequence, pop_items(3));
      case op_tuple:
      case op_list:
      case op_frozen_set: return push_items(Kind::sequence, pop_to_mark());
      case op_dict: {
        auto items = pop_to_mark();
        push_items(Kind::dict, {});
        return extend(Kind::dict, items);
      }
      case op_append: return extend(Kind::sequence, pop_items(1));
      case op_appends:
      case op_add_items: return extend(Kind::sequence, pop_to_mark());
      case op_set_item: return extend(Kind::dict, pop_items(2));
      case op_set_items: return extend(Kind::dict, pop_to_mark());
      case op_put1: memo_[in_.number<uint8_t>()] = top(); return;
      case op_put4: memo_[in_.number<uint32_t>()] = top(); return;
      case op_memoize: {
        const auto next = static_cast<uint32_t>(memo_.size());
        memo_[next] = top();
        return;
      }
      case op_get1: return recall(in_.number<uint8_t>());
      case op_get4: return recall(in_.number<uint32_t>());
      case op_global: {
        const std::string module = line();
        return push_global(module + "." + line());
      }
      case op_stack_global: {
        const auto names = pop_items(2);
        return push_global(short_text_of(names[0]) + "." + short_text_of(names[1]));
      }
      case op_reduce:
      case op_new_object: {
        const auto call = pop_items(2);
        return reduce(call[0], call[1]);
      }
      case op_new_object_keywords: {
        const auto call = pop_items(3);
        return push_inert(call[0], {call[1]});
      }
      case op_build: {
        const uint32_t state = pop();
        return build(state);
      }
      case op_persistent: return push_storage(pop());
      default:
        fail_file("{}: unsupported pickle opcode 0x{:02x} at byte {}; refusing to load", origin_, opcode, in_.at() - 1);
    }
  }

  /// Pushes an integer of `length` bytes in two's complement, little-endian.
  void push_long(uint64_t length) {
    const std::string_view bytes = in_.text(length);
    if (length > 8) {
      push_name(fmt::format("a whole number of {} bytes", length));
      return push_inert(pop());
    }
    uint64_t value = length > 0 && (bytes.back() & 0x80) ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
    push_integer(static_cast<int64_t>(value));
  }

  void push_float() {
    PickleValue result{Kind::real};
    result.real = std::bit_cast<double>(__builtin_bswap64(in_.number<uint64_t>()));
    push(std::move(result));
  }

  void extend(Kind kind, const std::vector<uint32_t>& items) {
    PickleValue& target = out_.values[top()];
    if (target.kind == Kind::inert) return;
    if (target.kind != kind) broken("adds items to something that is no collection");
    if (kind == Kind::dict && items.size() % 2 != 0) broken("gives a dict a key without a value");
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  void recall(uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) broken(fmt::format("recalls value {}, which it did not store", key));
    stack_.push_back(found->second);
  }

  std::string line() {
    std::string text;
    for (char c; (c = static_cast<char>(in_.number<uint8_t>())) != '\n'; text += c) {
      if (text.size() == kMaxNameLength) broken("names a global at great length");
    }
    return text;
  }

  void push_global(const std::string& name) { push_name(name); }

  /// Pushes a name, the same value each time that it occurs.
  void push_name(const std::string& name) {
    const auto [known, is_new] = names_.emplace(name, static_cast<uint32_t>(out_.values.size()));
    if (!is_new) return stack_.push_back(known->second);
    if ((name_bytes_ += name.size()) > kMaxNames) broken("names globals at great length");
    PickleValue result{Kind::name};
    result.text = name;
    push(std::move(result));
  }

  /// Pushes what a global that is not known would make, or something that was made by one. Throws Error for a value
  /// that nothing can be made of.
  void push_inert(uint32_t maker, std::vector<uint32_t> given = {}) {
    const PickleValue& value = out_.at(maker);
    if (value.kind != Kind::name && value.kind != Kind::inert) broken("calls something that is no global");
    PickleValue result{Kind::inert};
    result.integer = value.kind == Kind::name ? maker : value.integer;
    result.items = std::move(given);
    push(std::move(result));
  }

  const std::string& text_of(uint32_t place) const {
    if (out_.at(place).kind != Kind::text) broken("has no text where one is needed");
    return out_.at(place).text;
  }
  /// Returns a short text. Long ones are rejected because the text is copied each time it is used.
  const std::string& short_text_of(uint32_t place) const {
    if (text_of(place).size() > kMaxNameLength) broken("has a name of great length");
    return text_of(place);
  }
  int64_t integer_of(uint32_t place) const {
    const PickleValue& value = out_.at(place);
    if (value.kind != Kind::integer) broken("has no whole number where one is needed");
    return value.integer;
  }
  std::vector<int64_t> integers_of(uint32_t place) const {
    const PickleValue& value = out_.at(place);
    if (value.kind != Kind::sequence || value.items.size() > kMaxSizes) {
      broken("has no sizes or strides where they are needed");
    }
    std::vector<int64_t> integers;
    for (const uint32_t item : value.items) integers.push_back(integer_of(item));
    return integers;
  }

  void reduce(uint32_t callee, uint32_t arguments) {
    const Kind kind = out_.at(callee).kind;
    const std::string name = out_.at(callee).text;
    if (kind == Kind::inert || (kind == Kind::name && !pickle_global(name))) return push_inert(callee, {arguments});
    if (kind != Kind::name || out_.at(arguments).kind != Kind::sequence) broken("calls something that is no global");
    const std::vector<uint32_t>& given = out_.at(arguments).items;
    const auto expect = [&](size_t low, size_t high) {
      if (given.size() < low || given.size() > high)
        broken(fmt::format("calls {} with {} arguments", name, given.size()));
    };
    switch (*pickle_global(name)) {
      case PickleGlobal::ordered_dict: expect(0, 1); return push_items(Kind::dict, pairs(given));
      case PickleGlobal::default_dict: expect(0, 1); return push_items(Kind::dict, {});
      case PickleGlobal::set:
      case PickleGlobal::size:
        expect(0, 1);
        if (given.empty()) return push_items(Kind::sequence, {});
        if (out_.at(given[0]).kind != Kind::sequence) broken(fmt::format("calls {} with no sequence", name));
        stack_.push_back(given[0]);
        return;
      case PickleGlobal::name_space: {
        expect(0, 0);
        PickleValue result{Kind::object};
        result.text = name;
        return push(std::move(result));
      }
      case PickleGlobal::constant: stack_.push_back(callee); return;
      case PickleGlobal::rebuild_tensor: expect(4, 7); return push_tensor(given);
      case PickleGlobal::rebuild_parameter:
        expect(1, 4);
        if (out_.at(given[0]).kind == Kind::inert) return push_inert(given[0]);
        if (out_.at(given[0]).kind != Kind::tensor) broken("makes a parameter of what is no tensor");
        stack_.push_back(given[0]);
        return;
      case PickleGlobal::load_storage:
        expect(1, 1);
        if (nested_ || out_.at(given[0]).kind != Kind::text) return push_inert(callee, {arguments});
        return load_storage(given[0]);
      case PickleGlobal::storage: broken(fmt::format("calls {}", name));
    }
  }

  /// Returns the items of OrderedDict([(key, value), …]), as Python 2 wrote it.
  std::vector<uint32_t> pairs(const std::vector<uint32_t>& given) {
    std::vector<uint32_t> items;
    if (given.empty()) return items;
    for (const uint32_t pair : out_.at(given[0]).items) {
      count_operation();
      const PickleValue& value = out_.at(pair);
      if (value.kind != Kind::sequence || value.items.size() != 2) broken("makes a dict of what are no pairs");
      items.insert(items.end(), value.items.begin(), value.items.end());
    }
    return items;
  }

  /// Sets attributes. Those of a Namespace are kept, those of a dict (a state dict's _metadata) are dropped.
  void build(uint32_t state) {
    PickleValue& target = out_.values[top()];
    if (target.kind == Kind::dict) return;
    if (target.kind == Kind::inert) return target.items.push_back(state);
    if (target.kind != Kind::object || out_.at(state).kind != Kind::dict || !target.items.empty()) {
      broken("sets attributes of something that has none");
    }
    const size_t count = out_.at(state).items.size();
    for (size_t i = 0; i < count; ++i) count_operation();
    target.items = out_.at(state).items;
  }

  /// Pushes the storage that ("storage", type, key, device, numel) describes. The legacy format adds a view of it,
  /// which is no longer used.
  void push_storage(uint32_t id) {
    const PickleValue& tuple = out_.at(id);
    if (tuple.kind != Kind::sequence || tuple.items.size() < 5 || tuple.items.size() > 6 ||
        text_of(tuple.items[0]) != "storage") {
      broken("refers to something outside that is no storage");
    }
    if (tuple.items.size() == 6 && out_.at(tuple.items[5]).kind != Kind::none) {
      fail_file("{}: views of storages, as torch before 0.4 saved them, are not supported; save it anew", origin_);
    }
    const PickleValue& type = out_.at(tuple.items[1]);
    if (type.kind != Kind::name || pickle_global(type.text) != PickleGlobal::storage) {
      broken("has a storage of no known type");
    }
    const PickleStorage storage{short_text_of(tuple.items[2]), pickle_storage_type(type.text),
                                integer_of(tuple.items[4])};
    if (storage.numel < 0) broken("has a storage of negative size");
    const auto [known, is_new] = by_key_.emplace(storage.key, out_.storages.size());
    if (is_new) {
      out_.storages.push_back(storage);
    } else if (out_.storages[known->second].type != storage.type ||
               out_.storages[known->second].numel != storage.numel) {
      broken("has one storage in two sizes or types");
    }
    push_integer(static_cast<int64_t>(known->second), Kind::storage);
  }

  /// Pushes the storage that a text holds as a file of torch.save's older format.
  void load_storage(uint32_t holder) {
    if (const auto known = loaded_.find(holder); known != loaded_.end()) {
      return push_integer(static_cast<int64_t>(known->second), Kind::storage);
    }
    const std::string& file = out_.at(holder).text;
    const auto* const data = reinterpret_cast<const uint8_t*>(file.data());
    if (!begins_as_legacy_checkpoint(data, file.size())) broken("loads a storage from what holds none");
    ByteReader reader(data, file.size(), origin_);
    const LegacyHead head = read_legacy_head(
        reader, origin_, [&](ByteReader& in) { return Machine(in, origin_, operations_, /*nested=*/true).run(); });
    const PickleValue& root = head.object.at(head.object.root);
    if (root.kind != Kind::storage || head.keys.size() != 1) broken("loads a storage from what holds none");
    PickleStorage storage = head.object.storages[static_cast<size_t>(root.integer)];
    const uint64_t element = c10::elementSize(storage.type);
    if (storage.key != head.keys[0] || reader.number<int64_t>() != storage.numel ||
        static_cast<uint64_t>(storage.numel) > reader.left() / element) {
      broken("loads a storage of another size than it has");
    }
    storage.inside = {holder, reader.at(), static_cast<uint64_t>(storage.numel) * element};
    loaded_[holder] = out_.storages.size();
    out_.storages.push_back(std::move(storage));
    push_integer(static_cast<int64_t>(out_.storages.size() - 1), Kind::storage);
  }

  void push_tensor(const std::vector<uint32_t>& given) {
    if (out_.at(given[0]).kind == Kind::inert) return push_inert(given[0]);
    if (out_.at(given[0]).kind != Kind::storage) broken("makes a tensor of what is no storage");
    PickleTensor tensor{static_cast<size_t>(out_.at(given[0]).integer), integer_of(given[1]), integers_of(given[2]),
                        integers_of(given[3])};
    check(tensor);
    out_.tensors.push_back(std::move(tensor));
    push_integer(static_cast<int64_t>(out_.tensors.size() - 1), Kind::tensor);
  }

  void check(const PickleTensor& tensor) const {
    const int64_t numel = out_.storages[tensor.storage].numel;
    if (tensor.sizes.size() != tensor.strides.size() || tensor.offset < 0) broken("has a tensor of impossible shape");
    // `extent` is the product of the sizes other than 0, since libtorch multiplies these even if the tensor is empty.
    int64_t last = tensor.offset, extent = 1;
    bool overflow = false, empty = false;
    for (size_t i = 0; i < tensor.sizes.size(); ++i) {
      const int64_t size = tensor.sizes[i], stride = tensor.strides[i];
      if (size < 0 || stride < 0) broken("has a tensor of impossible shape");
      empty = empty || size == 0;
      int64_t reach = 0;
      overflow = overflow || __builtin_mul_overflow(extent, std::max<int64_t>(size, 1), &extent);
      overflow = overflow || __builtin_mul_overflow(std::max<int64_t>(size, 1) - 1, stride, &reach);
      overflow = overflow || __builtin_add_overflow(last, reach, &last);
    }
    if (overflow) broken("has a tensor whose shape overflows");
    if (empty ? tensor.offset > numel || extent > kMaxEmptyExtent : last >= numel || extent > numel) {
      fail_file("{}: a tensor of shape [{}], strides [{}] at {} does not fit its storage {} of {} elements", origin_,
                fmt::join(tensor.sizes, ", "), fmt::join(tensor.strides, ", "), tensor.offset,
                quoted(out_.storages[tensor.storage].key), numel);
    }
  }

  ByteReader& in_;
  const std::string origin_;
  Pickle out_;
  int64_t& operations_;
  const bool nested_;
  std::vector<uint32_t> stack_;
  std::map<uint32_t, uint32_t> memo_;
  std::map<std::string, size_t> by_key_;
  std::map<uint32_t, size_t> loaded_;  // storages by the text that they were loaded from
  std::map<std::string, uint32_t> names_;
  size_t name_bytes_ = 0;
};

}  // namespace

Pickle read_pickle(ByteReader& reader, const std::string& origin) {
  int64_t operations = 0;
  return Machine(reader, origin, operations).run();
}

}  // namespace dgl
