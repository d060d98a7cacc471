#include "dgl/formats/checkpoint.h"

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "formats/make_checkpoint.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

const fs::path kGolden = fs::path(DGL_SOURCE_DIR) / "tests/golden/formats";

torch::Tensor counted(int64_t n) { return torch::arange(n, torch::kFloat); }

// The same object as torch 1.13 saved it (tests/golden/README.md).
class Saved : public ::testing::TestWithParam<const char*> {};

TEST_P(Saved, HoldsTheSameTensors) {
  const TensorFile file = load_checkpoint(kGolden / GetParam());
  const auto at = [&](const std::string& name) { return file.at(name, GetParam()); };
  EXPECT_TRUE(at("g.weight").equal(counted(24).view({4, 6}).t()));
  EXPECT_FALSE(at("g.weight").is_contiguous());
  EXPECT_TRUE(at("g.row").equal(counted(24).slice(0, 12, 18)));
  EXPECT_EQ(at("g.row").storage().data(), at("g.weight").storage().data()) << "the storage is shared";
  EXPECT_TRUE(at("g.par").equal(torch::tensor({1.5f, -2.0f})));
  EXPECT_TRUE(at("d.weight").equal(torch::tensor({{3.0f, 4.0f}})));
  EXPECT_TRUE(at("scalar").equal(torch::tensor(7.0f)));
  EXPECT_EQ(at("empty").sizes(), (std::vector<int64_t>{0, 3}));
  EXPECT_TRUE(at("optim.state.0.exp_avg").equal(torch::ones({2})));
  for (const auto& [name, type] : std::map<std::string, torch::ScalarType>{{"float16", torch::kHalf},
                                                                           {"bfloat16", torch::kBFloat16},
                                                                           {"float32", torch::kFloat},
                                                                           {"float64", torch::kDouble},
                                                                           {"uint8", torch::kByte},
                                                                           {"int8", torch::kChar},
                                                                           {"int16", torch::kShort},
                                                                           {"int32", torch::kInt},
                                                                           {"int64", torch::kLong},
                                                                           {"bool", torch::kBool}}) {
    EXPECT_EQ(at("types." + name).scalar_type(), type) << name;
    EXPECT_TRUE(at("types." + name).equal(torch::tensor({0, 1, 3}).to(type))) << name;
  }
  EXPECT_EQ(file.tensors.size(), 19u);
}

TEST_P(Saved, ReadsOnlyWhatIsWanted) {
  const TensorFile file = load_tensors(kGolden / GetParam(), [](const std::string& name) { return name[0] == 'g'; });
  EXPECT_EQ(file.tensors.size(), 3u);
}

TEST_P(Saved, CutAnywhereIsRefused) {
  const std::string whole = read_file(kGolden / GetParam());
  for (size_t length = 0; length < whole.size(); ++length) {
    // Memory of exactly this length, so that a read past its end is seen by a sanitizer.
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    expect_error([&] { parse_checkpoint({part.data(), part.size(), nullptr}, "cut"); }, {"cut"});
  }
}

TEST_P(Saved, FlippedBitsAreRefusedOrHarmless) {
  const std::string whole = read_file(kGolden / GetParam());
  size_t refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<uint8_t> bytes(whole.begin(), whole.end());
    bytes[at] ^= static_cast<uint8_t>(1 << at % 8);
    try {
      for (const auto& [name, tensor] : parse_checkpoint({bytes.data(), bytes.size(), nullptr}, "flip").tensors) {
        tensor.clone();
      }
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.size() / 4);
}

INSTANTIATE_TEST_SUITE_P(Torch, Saved, ::testing::Values("zip2.pt", "zip4.pt", "legacy2.pt", "legacy4.pt"));

TEST(Checkpoint, DamagedNumbersInAnArchiveAreFound) {
  std::string file = make_zip(
      {{"a/data.pkl", make_pickle(tensor_call("0", 2, "K\x02\x85", "K\x01\x85"))}, {"a/data/0", std::string(8, 'x')}});
  EXPECT_EQ(parse(file).tensors.at("t").numel(), 2);
  file[file.find("xxxxxxxx") + 3] = 'y';
  expect_error([&] { parse(file); }, {"a/data/0", "checksum"});
}

TEST(Checkpoint, NeitherFormatIsSaid) {
  const TemporaryFolder folder;
  expect_error([&] { load_tensors(folder.put("text", "neither of them at all")); },
               {"text", "torch.save", "safetensors"});
  expect_error([&] { load_checkpoint(folder.put("text", "neither of them at all")); }, {"text", "torch.save"});
  expect_error([&] { load_tensors(folder.put("empty", "")); }, {"empty"});
  expect_error([&] { load_tensors(folder / "none"); }, {"none"});
}

struct Hostile {
  const char* what;
  std::string value;  // opcodes that leave one value on the stack
  const char* word;
};

class HostilePickle : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostilePickle, IsRefusedInBothFormats) {
  const std::string pickle = make_pickle(GetParam().value);
  const std::string key = pickle.find("FloatStorage\nX") == std::string::npos ? "" : "0";
  for (const std::string& file : {make_zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(8, '\0')}}),
                                  make_legacy(pickle, key, std::string(8, '\0'))}) {
    expect_error([&] { parse(file); }, {"hostile", GetParam().word});
  }
}

const std::string kNine = std::string("\x8a\x09", 2) + std::string(9, '\x7f');
const std::string kHuge = std::string("\x8a\x08", 2) + std::string(7, '\xff') + "\x7f";

INSTANTIATE_TEST_SUITE_P(
    All, HostilePickle,
    ::testing::Values(
        Hostile{"system", std::string("cos\nsystem\n") + text("touch pwned") + "\x85R", "os.system"},
        Hostile{"stack global", text("posix") + text("system") + "\x93" + text("touch pwned") + "\x85R",
                "posix.system"},
        Hostile{"eval", std::string("cbuiltins\neval\n") + text("1") + "\x85R", "builtins.eval"},
        Hostile{"class", "cbuiltins\nobject\n)\x81", "builtins.object"},
        Hostile{"control", "cos\r\x1b[2J\nsystem\n)R", "\\u001b"},
        Hostile{"long name", "c" + std::string(100000, 'a') + "\nb\n", "length"}, Hostile{"opcode", "\x82\x01", "0x82"},
        Hostile{"text opcode", "I1\n", "0x49"}, Hostile{"nine bytes", kNine, "9 bytes"},
        Hostile{"long text", std::string("X\xff\xff\xff\xff", 5) + "abc", "too early"},
        Hostile{"long text 64", std::string("\x8d") + std::string(8, '\xff') + "abc", "too early"},
        Hostile{"long number", std::string("\x8b\xff\xff\xff\x7f", 5), "too early"},
        Hostile{"memo", "h\x07", "did not store"}, Hostile{"underflow", "}aa", "more values"},
        Hostile{"no mark", "]e", "did not begin"}, Hostile{"odd items", "}(Nu", "without a value"},
        Hostile{"append to dict", "}Na", "no collection"}, Hostile{"call of a text", text("a") + ")R", "no global"},
        Hostile{"build of a list", "]}b", "has none"}, Hostile{"storage", "NQ", "no storage"},
        Hostile{"storage type", "(" + text("storage") + "ctorch\nSize\n" + text("0") + text("cpu") + "K\x02tQ",
                "known type"},
        Hostile{"storage call", "ctorch\nFloatStorage\n)R", "calls torch.FloatStorage"},
        Hostile{"past its storage", tensor_call("0", 2, "K\x03\x85", "K\x01\x85"), "does not fit"},
        Hostile{"strides", tensor_call("0", 2, "K\x02\x85", "K\x02\x85"), "does not fit"},
        Hostile{"offset", tensor_call("0", 2, "K\x02\x85", "K\x01\x85", "K\x01"), "does not fit"},
        Hostile{"expanded", tensor_call("0", 2, kHuge + "\x85", std::string("K\0\x85", 3)), "does not fit"},
        Hostile{"overflow", tensor_call("0", 2, kHuge + kHuge + "\x86", "K\x01K\x01\x86"), "overflows"},
        Hostile{"empty overflow",
                tensor_call("0", 2, std::string("K\0", 2) + kHuge + kHuge + "\x87", "K\x01K\x01K\x01\x87"),
                "overflows"},
        Hostile{"negative size", tensor_call("0", 2, "J\xff\xff\xff\xff\x85", "K\x01\x85"), "impossible"},
        Hostile{"negative stride", tensor_call("0", 2, "K\x02\x85", "J\xff\xff\xff\xff\x85"), "impossible"},
        Hostile{"negative offset", tensor_call("0", 2, "K\x02\x85", "K\x01\x85", "J\xff\xff\xff\xff"), "impossible"},
        Hostile{"dimensions", tensor_call("0", 2, "(" + repeat("K\x01", 65) + "t", "(" + repeat("K\x01", 65) + "t"),
                "sizes"},
        Hostile{"huge storage", "}" + text("t") + tensor("0", kHuge, "K\x01\x85", "K\x01\x85") + "s", "storage"},
        Hostile{"a list", "]", "no dict"},
        Hostile{"a long key", "}" + text(std::string(300, 'k')) + "}s", "more than 256"},
        Hostile{"operations", repeat("N0", 1 << 21), "operations"}),
    [](const auto& info) {
      std::string name = info.param.what;
      for (char& c : name) c = c == ' ' ? '_' : c;
      return name;
    });

// What other classes would make is passed over: Lightning's callbacks under their class, objects with attributes,
// numbers of numpy, large numbers, items given to what is not known.
TEST(Checkpoint, WhatIsNotKnownIsPassedOver) {
  const auto item = [](const std::string& key, const std::string& value) { return text(key) + value + "s"; };
  const std::string unknown = "cpytorch_lightning.callbacks\nModelCheckpoint\n";
  const std::string known = tensor_call("0", 2, "K\x02\x85", "K\x01\x85");
  const std::string content =
      "}" + item("callbacks", "}" + unknown + "}" + item("monitor", text("loss")) + "s") +
      item("object", unknown + ")\x81}" + item("a", "K\x01") + "b") + item("keywords", unknown + ")}\x92") +
      item("number", unknown + "K\x01\x85R") + item("list", unknown + ")RNa") + item("large", kNine) +
      item("tensor of an unknown storage", "ctorch._utils\n_rebuild_parameter\n" + unknown + ")R\x85R") +
      item("counts", "ccollections\ndefaultdict\ncbuiltins\nlist\n\x85R") + item("t", known);
  const std::string pickle = make_pickle(content);
  for (const std::string& file : {make_zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(8, '\0')}}),
                                  make_legacy(pickle, "0", std::string(8, '\0'))}) {
    const TensorFile found = parse(file);
    ASSERT_EQ(found.tensors.size(), 1u);
    EXPECT_TRUE(found.tensors.begin()->first.starts_with("t."));
  }
  // Not where the weights themselves are within.
  const std::string within = "}" + item("model", unknown + ")\x81");
  expect_error(
      [&] {
        parse(make_zip({{"a/data.pkl", make_pickle(within)}}));
      },
      {"ModelCheckpoint", "no tensors", "not run"});
}

TEST(Checkpoint, ProtocolFiveAndDeflatedArchives) {
  const std::string content = tensor_call("0", 2, "K\x02\x85", "K\x01\x85");
  const std::string bytes = "\x96" + little_endian(uint64_t{3}) + "abc";
  const std::string pickle = "\x80\x05\x95" + little_endian(uint64_t{999}) + "}(" + text("b") + bytes + text("c") +
                             "\x8e" + little_endian(uint64_t{1}) + "x" + text("m") + content + "u.";
  for (const bool deflate : {false, true}) {
    const TensorFile found = parse(make_zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(8, '\0')}}, deflate));
    ASSERT_EQ(found.tensors.size(), 1u);
    EXPECT_EQ(found.tensors.begin()->first, "m.t");
    EXPECT_TRUE(found.tensors.begin()->second.equal(torch::zeros({2})));
  }
  expect_error([] { parse(make_zip({{"a/data.pkl", "\x80\x06N."}})); }, {"protocol 6", "2 to 5"});
  expect_error([] { parse("\x80\x05\x97."); }, {"0x97"});
}

/// Pushes the storage of two numbers that torch.storage._load_from_bytes makes of `file`.
std::string loaded(const std::string& file) {
  return "ctorch.storage\n_load_from_bytes\nB" + little_endian(static_cast<uint32_t>(file.size())) + file + "\x85R";
}

/// A storage of float32 as torch.save writes it with _use_new_zipfile_serialization=False.
std::string saved_storage(const std::string& numbers, const std::string& count = "K\x02") {
  return make_legacy(
      make_pickle("(" + text("storage") + "ctorch\nFloatStorage\n" + text("7") + text("cpu") + count + "tQ"), "7",
      numbers);
}

/// {"t": a tensor of two numbers of this storage} and what stands behind it.
std::string bare(const std::string& storage, const std::string& more = "") {
  return make_pickle("}(" + text("t") + "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K" + std::string(1, '\0') +
                     "K\x02\x85K\x01\x85\x89NtR" + more + "u");
}

const std::string kOneTwo = little_endian(1.0f) + little_endian(2.0f);

// As NVIDIA's programs keep them.
TEST(Checkpoint, StoragesWithinThePickle) {
  const TensorFile file = parse(bare(loaded(saved_storage(kOneTwo))));
  EXPECT_TRUE(file.at("t", "").equal(torch::tensor({1.0f, 2.0f})));
  const auto refused = [](const std::string& text_of_storage, const std::vector<std::string>& words) {
    expect_error([&] { parse(bare(loaded(text_of_storage))); }, words);
  };
  refused("", {"loads a storage"});
  refused("\x80\x02N.", {"loads a storage"});
  refused(saved_storage(kOneTwo.substr(0, 4)), {"another size"});
  refused(saved_storage(kOneTwo, "K\x03"), {"another size"});
  refused(saved_storage(kOneTwo).substr(0, saved_storage(kOneTwo).size() - 1), {"another size"});
  refused(make_legacy(make_pickle("N"), "", ""), {"loads a storage"});
  refused(make_legacy(make_pickle("cos\nsystem\n" + text("touch pwned") + "\x85R"), "", ""), {"loads a storage"});
  refused(make_legacy(make_pickle(loaded(saved_storage(kOneTwo))), "7", kOneTwo), {"loads a storage"});
  const std::string whole = bare(loaded(saved_storage(kOneTwo)));
  for (size_t size = 0; size < whole.size(); ++size) expect_error([&] { parse(whole.substr(0, size)); }, {"hostile"});
  expect_error([] { parse(make_pickle("}")); }, {"no checkpoint of torch.save"});
  expect_error([] { parse(make_pickle(tensor_call("0", 2, "K\x02\x85", "K\x01\x85"))); }, {"without the numbers"});
}

// A network that was saved as an object is read like its state dict.
TEST(Checkpoint, NetworksSavedAsObjects) {
  const auto item = [](const std::string& key, const std::string& value) { return text(key) + value; };
  const std::string storage = loaded(saved_storage(kOneTwo));
  const std::string number =
      "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + "K" + std::string(1, '\0') + "K\x02\x85K\x01\x85\x89NtR";
  const auto attributes = [&](const std::string& modules) {
    return "}(" + item("_parameters", "}(" + item("weight", number) + item("bias", "N") + "u") +
           item("_buffers", "}(" + item("kept", number) + item("passing", number) + "u") +
           item("_non_persistent_buffers_set", "\x8f(" + text("passing") + "\x90") +
           item("_modules", "}(" + modules + "u") + "u";
  };
  const auto object = [](const std::string& state) { return "c__main__\nNet\n)\x81" + state + "b"; };
  const auto persistent = [&](const std::string& state) {
    return "ctorch_utils.persistence\n_reconstruct_persistent_obj\n}(" + item("type", text("class")) +
           item("module_src", text("import os; os.system('touch pwned')")) + item("state", state) + "u\x85R";
  };
  const std::string inner = item("inner", object(attributes("")));
  for (const std::string& network : {object(attributes(inner)), persistent(attributes(inner))}) {
    const TensorFile within = parse(make_pickle("}(" + item("G_ema", network) + "u"));
    std::vector<std::string> names;
    for (const auto& [name, tensor] : within.tensors) names.push_back(name);
    EXPECT_EQ(names,
              (std::vector<std::string>{"G_ema.inner.kept", "G_ema.inner.weight", "G_ema.kept", "G_ema.weight"}));
    EXPECT_EQ(parse(make_pickle(network)).tensors.size(), 4u);
  }
  // Deep and cyclic networks are errors.
  std::string deep = attributes("");
  for (int i = 0; i < 40; ++i) deep = attributes(item("inner", object(deep)));
  expect_error([&] { parse(make_pickle(object(deep))); }, {"nested more than 32"});
  const std::string cycle = "c__main__\nNet\n)\x81q\x01" + attributes(item("inner", "h\x01")) + "b";
  expect_error([&] { parse(make_pickle(cycle)); }, {"nested more than 32"});
  const std::string empty =
      "}(" + item("G", "ctorch_utils.persistence\n_reconstruct_persistent_obj\n}" + item("state", "}") + "s\x85R") +
      "u";
  expect_error([&] { parse(make_pickle(empty)); }, {"_reconstruct_persistent_obj", "no tensors"});
}

// However many names a few bytes of a file may spell.
TEST(Checkpoint, NamesAreBounded) {
  std::string content;
  for (int i = 0; i < 100; ++i) {
    content += text(std::string(250, static_cast<char>('a' + i % 26)) + std::to_string(i)) + "q" +
               std::string(1, static_cast<char>(i)) + "0";
  }
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 100; ++k) {
      content += "h" + std::string(1, static_cast<char>(i)) + "h" + std::string(1, static_cast<char>(k)) + "\x93" + "0";
    }
  }
  expect_error([&] { parse(make_zip({{"a/data.pkl", make_pickle(content + "}")}})); }, {"great length"});
}

TEST(Checkpoint, StoragesThatAreMissingOrOfAnotherSize) {
  const std::string pickle = make_pickle(tensor_call("7", 2, "K\x02\x85", "K\x01\x85"));
  expect_error([&] { parse(make_zip({{"a/data.pkl", pickle}})); }, {"a/data/7", "missing"});
  expect_error(
      [&] {
        parse(make_zip({{"a/data.pkl", pickle}, {"a/data/7", "1234"}}));
      },
      {"\"7\"", "4 bytes, expected 8"});
  expect_error([&] { parse(make_legacy(pickle, "0", "12345678")); }, {"list of storages"});
  expect_error([&] { parse(make_legacy(pickle, "", "")); }, {"\"7\"", "missing"});
  expect_error([&] { parse(make_legacy(pickle, "7", "1234")); }, {"\"7\"", "1 elements, expected 2"});
  expect_error([&] { parse(make_zip({{"a/data.txt", pickle}})); }, {"data.pkl"});
}

TEST(Checkpoint, DepthDoesNoHarm) {
  // A million lists, each in the next; a dict that holds itself; dicts that hold the one before twice.
  const std::string deep = "}" + text("a") + repeat("]", 1000000) + repeat("a", 999999) + "s";
  EXPECT_TRUE(parse(make_zip({{"a/data.pkl", make_pickle(deep)}})).tensors.empty());
  const std::string cycle = "}q\x01" + text("a") + "h\x01s";
  expect_error([&] { parse(make_zip({{"a/data.pkl", make_pickle(cycle)}})); }, {"nested"});
  std::string doubling = std::string("}q\0", 3);
  for (char i = 0; i < 7; ++i) {
    doubling += "}q" + std::string(1, static_cast<char>(i + 1));
    for (int k = 0; k < 40; ++k) doubling += text(std::to_string(k)) + "h" + i + "s";
  }
  expect_error([&] { parse(make_zip({{"a/data.pkl", make_pickle(doubling)}})); }, {"more than 1048576 values"});
}

}  // namespace
}  // namespace dgl::test
