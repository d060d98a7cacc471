#include "dgl/formats/pickle_globals.h"

#include <map>

#include "dgl/base/torch.h"

namespace dgl {

namespace {

const std::map<std::string, torch::ScalarType>& storage_types() {
  static const std::map<std::string, torch::ScalarType> types{{"torch.FloatStorage", torch::kFloat},
                                                              {"torch.DoubleStorage", torch::kDouble},
                                                              {"torch.HalfStorage", torch::kHalf},
                                                              {"torch.BFloat16Storage", torch::kBFloat16},
                                                              {"torch.LongStorage", torch::kLong},
                                                              {"torch.IntStorage", torch::kInt},
                                                              {"torch.ShortStorage", torch::kShort},
                                                              {"torch.CharStorage", torch::kChar},
                                                              {"torch.ByteStorage", torch::kByte},
                                                              {"torch.BoolStorage", torch::kBool},
                                                              {"torch.UntypedStorage", torch::kByte},
                                                              {"torch.storage.UntypedStorage", torch::kByte},
                                                              {"torch.storage._UntypedStorage", torch::kByte}};
  return types;
}

}  // namespace

std::optional<PickleGlobal> pickle_global(const std::string& name) {
  static const std::map<std::string, PickleGlobal> globals{
      {"collections.OrderedDict", PickleGlobal::ordered_dict},
      {"dnnlib.util.EasyDict", PickleGlobal::ordered_dict},
      {"torch.storage._load_from_bytes", PickleGlobal::load_storage},
      {"collections.defaultdict", PickleGlobal::default_dict},
      {"__builtin__.set", PickleGlobal::set},
      {"__builtin__.frozenset", PickleGlobal::set},
      {"builtins.set", PickleGlobal::set},
      {"builtins.frozenset", PickleGlobal::set},
      {"argparse.Namespace", PickleGlobal::name_space},
      {"torch.Size", PickleGlobal::size},
      {"torch.device", PickleGlobal::constant},
      {"torch.float16", PickleGlobal::constant},
      {"torch.bfloat16", PickleGlobal::constant},
      {"torch.float32", PickleGlobal::constant},
      {"torch.float64", PickleGlobal::constant},
      {"torch.uint8", PickleGlobal::constant},
      {"torch.int8", PickleGlobal::constant},
      {"torch.int16", PickleGlobal::constant},
      {"torch.int32", PickleGlobal::constant},
      {"torch.int64", PickleGlobal::constant},
      {"torch.bool", PickleGlobal::constant},
      {"torch._utils._rebuild_tensor", PickleGlobal::rebuild_tensor},
      {"torch._utils._rebuild_tensor_v2", PickleGlobal::rebuild_tensor},
      {"torch._utils._rebuild_parameter", PickleGlobal::rebuild_parameter},
      {"torch._utils._rebuild_parameter_with_state", PickleGlobal::rebuild_parameter}};
  if (const auto found = globals.find(name); found != globals.end()) return found->second;
  if (storage_types().count(name)) return PickleGlobal::storage;
  return std::nullopt;
}

torch::ScalarType pickle_storage_type(const std::string& name) { return storage_types().at(name); }

}  // namespace dgl
