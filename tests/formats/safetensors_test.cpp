#include "dgl/formats/safetensors.h"

#include <nlohmann/json.hpp>

#include "dgl/base/files.h"
#include "dgl/base/torch.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// A safetensors file from a header's text and its data.
std::string packed(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (int i = 0; i < 8; ++i) length[static_cast<size_t>(i)] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return length + header + data;
}

TEST(Safetensors, RoundTripOfTypesAndShapes) {
  const TemporaryFolder folder;
  torch::manual_seed(0);
  TensorFile file;
  for (const auto type : {torch::kDouble, torch::kFloat, torch::kHalf, torch::kBFloat16, torch::kLong, torch::kInt,
                          torch::kShort, torch::kChar, torch::kByte, torch::kBool}) {
    const std::string name = c10::toString(type);
    file.tensors[name + ".matrix"] = (torch::randn({3, 5}) * 20).to(type);
    file.tensors[name + ".scalar"] = torch::ones({}, type);
    file.tensors[name + ".empty"] = torch::empty({0, 4}, type);
  }
  file.tensors["strided"] = torch::randn({4, 6}).t();
  file.tensors["channels last"] = torch::randn({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  file.metadata = {{"dgl", "{\"a\": 1}"}, {"text", "\xc3\xa9\n\""}};
  save_safetensors(folder / "a", file);
  const TensorFile back = load_safetensors(folder / "a");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(back.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(back.tensors.at(name).equal(tensor)) << name;
    EXPECT_TRUE(back.tensors.at(name).is_contiguous()) << name;
  }
  save_safetensors(folder / "b", back);
  EXPECT_EQ(read_file(folder / "a"), read_file(folder / "b"));
}

TEST(Safetensors, ReadsTheDocumentedLayout) {
  const TemporaryFolder folder;
  const auto path = folder.put("a", packed(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )",
                                           std::string("\0\0\x80\x3f\0\0\0\xc0", 8)));
  EXPECT_TRUE(load_safetensors(path).at("x", "a").equal(torch::tensor({1.0f, -2.0f})));
  expect_error([&] { load_safetensors(path).at("y", "a"); }, {"a", "no tensor y"});
}

TEST(Safetensors, EveryTensorIsAlignedToItsElement) {
  const TemporaryFolder folder;
  TensorFile file;
  file.tensors["a"] = torch::ones({3}, torch::kBool);
  file.tensors["b"] = torch::ones({1}, torch::kHalf);
  file.tensors["c"] = torch::ones({3}, torch::kFloat);
  file.tensors["d"] = torch::ones({2}, torch::kDouble);
  save_safetensors(folder / "a", file);
  const std::string text = read_file(folder / "a");
  const auto length =
      static_cast<size_t>(static_cast<unsigned char>(text[0]) + 256 * static_cast<unsigned char>(text[1]));
  EXPECT_EQ(length % 8, 0u);
  const auto header = nlohmann::json::parse(text.substr(8, length));
  EXPECT_EQ(header["d"]["data_offsets"], nlohmann::json({0, 16}));
  EXPECT_EQ(header["c"]["data_offsets"], nlohmann::json({16, 28}));
  EXPECT_EQ(header["b"]["data_offsets"], nlohmann::json({28, 30}));
  EXPECT_EQ(header["a"]["data_offsets"], nlohmann::json({30, 33}));
  EXPECT_EQ(text.size(), 8 + length + 33);
}

TEST(Safetensors, WhatCannotBeReadBackIsNotWritten) {
  const TemporaryFolder folder;
  const auto save = [&](const std::string& name, const torch::Tensor& tensor, const std::string& text = "") {
    TensorFile file;
    file.tensors[name] = tensor;
    if (!text.empty()) file.metadata["text"] = text;
    save_safetensors(folder / "bad", file);
  };
  const torch::Tensor x = torch::ones({2});
  expect_error([&] { save("__metadata__", x); }, {"bad", "__metadata__"});
  expect_error([&] { save("a\nb", x); }, {"bad", "control"});
  expect_error([&] { save("\xff", x); }, {"bad", "UTF-8"});
  expect_error([&] { save("x", x, "\xff"); }, {"bad", "UTF-8"});
  expect_error([&] { save("x", x.to(torch::kComplexFloat)); }, {"bad", "tensor x", "Complex"});
  EXPECT_EQ(folder.entries(), 0u);
}

TEST(Safetensors, FilesWithoutTensorsOrBytes) {
  const TemporaryFolder folder;
  save_safetensors(folder / "none", {});
  EXPECT_TRUE(load_safetensors(folder / "none").tensors.empty());
  const auto path = folder.put("a", packed(R"({"x":{"dtype":"F32","shape":[0,4294967296],"data_offsets":[0,0]}})", ""));
  EXPECT_EQ(load_safetensors(path).at("x", "a").numel(), 0);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  TensorFile file;
  file.tensors["x"] = torch::arange(6);
  save_safetensors(folder / "whole", file);
  const std::string whole = read_file(folder / "whole");
  for (size_t length = 0; length < whole.size(); ++length) {
    const auto path = folder.put("cut", whole.substr(0, length));
    EXPECT_THROW(load_safetensors(path), Error) << length;
  }
  EXPECT_THROW(load_safetensors(folder.put("more", whole + "x")), Error);
}

struct Hostile {
  const char* header;
  const char* says;
};

class HostileSafetensors : public ::testing::TestWithParam<Hostile> {};

TEST_P(HostileSafetensors, IsRefusedInOneLine) {
  const TemporaryFolder folder;
  const auto path = folder.put("bad", packed(GetParam().header, std::string(8, 'x')));
  expect_error([&] { load_safetensors(path); }, {"bad", GetParam().says});
}

INSTANTIATE_TEST_SUITE_P(
    Headers, HostileSafetensors,
    ::testing::Values(
        Hostile{"", "not JSON"}, Hostile{"[1]", "JSON object"}, Hostile{"{", "not JSON"},
        Hostile{R"({"x":3})", "expected dtype"},
        Hostile{R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}})", "data_offsets"},
        Hostile{R"({"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", "C64"},
        Hostile{R"({"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", "whole numbers"},
        Hostile{R"({"x":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", "whole numbers"},
        Hostile{R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,"8"]}})", "whole numbers"},
        Hostile{R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})", "overflows"},
        Hostile{R"({"x":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", "overflows"},
        Hostile{R"({"x":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})", "overflows"},
        Hostile{R"({"x":{"dtype":"BOOL","shape":[8],"data_offsets":[0,8]}})", "neither 0 nor 1"},
        Hostile{R"({"x\ny":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", "control"},
        Hostile{R"({"x":{"dtype":"F\n32","shape":[2],"data_offsets":[0,8]}})", "not supported"},
        Hostile{R"({"__metadata__":{"a\nb":3},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                "expected a text"},
        Hostile{R"( {"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "JSON object"},
        Hostile{R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", "outside"},
        Hostile{R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", "outside"},
        Hostile{R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", "12 bytes"},
        Hostile{R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "belong to no tensor"},
        Hostile{R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "hole"},
        Hostile{
            R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
            "overlaps"},
        Hostile{
            R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
            "twice"},
        Hostile{R"({"__metadata__":3,"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "__metadata__"},
        Hostile{R"({"__metadata__":{"a":3},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                "expected a text"}));

TEST(Safetensors, HostileLengthsAndDepth) {
  const TemporaryFolder folder;
  std::string huge(16, '\xff');
  expect_error([&] { load_safetensors(folder.put("huge", huge)); }, {"huge", "header"});
  expect_error([&] { load_safetensors(folder.put("deep", packed(std::string(1 << 20, '['), ""))); },
               {"deep", "nested"});
  std::string ones = "1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  const std::string flat = R"({"x":{"dtype":"U8","shape":[)" + ones + R"(],"data_offsets":[0,1]}})";
  expect_error([&] { load_safetensors(folder.put("flat", packed(flat, "x"))); }, {"flat", "65 dimensions"});
  expect_error([&] { load_safetensors(folder.put("utf8", packed("{\"\xff\xfe\":1}", ""))); }, {"utf8"});
}

}  // namespace
}  // namespace dgl::test
