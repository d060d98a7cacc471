#include <gtest/gtest.h>

#include "dgl/data/prepare.h"
#include "formats/make_checkpoint.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

constexpr int kImageBytes = 3072;

PreparedSet pack_cifar(const TemporaryFolder& folder, const fs::path& source) {
  PrepareOptions options;
  options.source = source;
  options.out = folder / "out.dgldata";
  options.overwrite = true;
  return prepare_dataset(options, {});
}

/// The labels of the packed set, whose images have their places, from 1, for values.
std::vector<int64_t> cifar_labels(const TemporaryFolder& folder) {
  const Dataset set(folder / "out.dgldata");
  std::vector<int64_t> all;
  for (int64_t i = 0; i < set.info().count; ++i) {
    const torch::Tensor image = set.images({i})[0];
    for (const int64_t c : {0, 1, 2}) EXPECT_EQ(image[c][31][31].item<int64_t>(), i + 1 + 10 * c);
    all.push_back(set.labels({i}).item<int64_t>());
  }
  return all;
}

std::string planes(int value) {
  std::string all;
  for (int c = 0; c < 3; ++c) all += std::string(kImageBytes / 3, static_cast<char>(value + 10 * c));
  return all;
}

/// What cPickle of Python 2 writes: {key: labels, "data": an array of uint8 [count, 3072]}.
std::string python_batch(const std::string& key, const std::vector<int>& labels, int first) {
  const auto bytes = [](const std::string& text) {
    return "T" + little_endian(static_cast<uint32_t>(text.size())) + text;
  };
  const auto number = [](int value) { return "J" + little_endian(value); };
  std::string list = "](", pixels;
  for (size_t i = 0; i < labels.size(); ++i) {
    list += number(labels[i]);
    pixels += planes(first + static_cast<int>(i));
  }
  const std::string state = "(" + number(1) + "(" + number(static_cast<int>(labels.size())) + number(kImageBytes) +
                            "tcnumpy\ndtype\n(" + bytes("u1") + "tR\x89" + bytes(pixels) + "t";
  return make_pickle("}(" + bytes("batch_label") + bytes("training") + bytes(key) + list + "e" + bytes("data") +
                     "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + number(0) + "t" + bytes("b") + "tR" +
                     state + "bu");
}

std::string fine_names() {
  std::string names;
  for (int i = 0; i < 100; ++i) names += fmt::format("class{}\n", i);
  return names;
}

TEST(PrepareCifarPython, TenLabels) {
  const TemporaryFolder folder;
  const std::string one = python_batch("labels", {3, 9}, 1), two = python_batch("labels", {0}, 3),
                    test = python_batch("labels", {7}, 1);
  folder.put("in/cifar-10-batches-py/data_batch_1", one);
  folder.put("in/cifar-10-batches-py/data_batch_2", two);
  folder.put("in/cifar-10-batches-py/test_batch", test);
  std::string archive;
  for (const auto& [name, text] : {std::pair{"data_batch_2", two}, {"data_batch_1", one}, {"test_batch", test}}) {
    archive += tar_entry(std::string("cifar-10-batches-py/") + name, text);
  }
  folder.put("cifar-10-python.tar.gz", gzip(archive + std::string(1024, '\0')));
  for (const char* source : {"in", "in/cifar-10-batches-py", "cifar-10-python.tar.gz"}) {
    const PreparedSet set = pack_cifar(folder, folder / source);
    EXPECT_EQ(set.classes.at(9), "truck");
    EXPECT_EQ(cifar_labels(folder), (std::vector<int64_t>{3, 9, 0})) << source;
  }
  EXPECT_EQ(pack_cifar(folder, folder / "in/cifar-10-batches-py/test_batch").count, 1);
  EXPECT_EQ(cifar_labels(folder), (std::vector<int64_t>{7}));
}

TEST(PrepareCifar100, BinaryAndPython) {
  const TemporaryFolder folder;
  folder.put("binary/train.bin", std::string("\x05\x63", 2) + planes(1) + std::string("\x13\x00", 2) + planes(2));
  folder.put("binary/test.bin", std::string("\x05\x01", 2) + planes(1));
  folder.put("binary/fine_label_names.txt", fine_names());
  std::string list = "](";
  for (int i = 0; i < 100; ++i) list += text(fmt::format("class{}", i));
  folder.put("cifar-100-python/train", python_batch("fine_labels", {99, 0}, 1));
  folder.put("cifar-100-python/meta", make_pickle("}" + text("fine_label_names") + list + "es"));
  for (const char* source : {"binary", "cifar-100-python", ""}) {
    const PreparedSet set = pack_cifar(folder, folder / source);
    EXPECT_EQ(set.classes.size(), 100u);
    EXPECT_EQ(set.classes[42], "class42");
    EXPECT_EQ(cifar_labels(folder), (std::vector<int64_t>{99, 0})) << source;
  }
  EXPECT_EQ(pack_cifar(folder, folder / "binary/test.bin").count, 1);
  folder.put("binary/fine_label_names.txt", "one\ntwo\n");
  expect_error([&] { pack_cifar(folder, folder / "binary"); }, {"fine_label_names.txt", "100 labels"});
  folder.put("binary/fine_label_names.txt", fine_names());
  folder.put("binary/train.bin", std::string("\x05\x64", 2) + planes(1));
  expect_error([&] { pack_cifar(folder, folder / "binary"); }, {"train.bin", "label 100 of record 0"});
  folder.put("binary/train.bin", "x");
  expect_error([&] { pack_cifar(folder, folder / "binary"); }, {"train.bin", "3074"});
}

TEST(PrepareCifarPython, OtherPicklesAreErrors) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& batch, const std::vector<std::string>& words) {
    expect_error([&] { pack_cifar(folder, folder.put("data_batch_1", batch)); }, words);
  };
  const std::string whole = python_batch("labels", {3, 9}, 1);
  refused(python_batch("labels", {10}, 1), {"data_batch_1", "label 10 of record 0"});
  refused(python_batch("labels", {-1}, 1), {"data_batch_1", "label -1 of record 0"});
  refused(python_batch("etiquettes", {1}, 1), {"data_batch_1", "has no labels"});
  refused(make_pickle("]"), {"data_batch_1", "a dict"});
  refused(make_pickle("}(" + text("labels") + "](K\1eX" + little_endian(4u) + "data" + "cos\nsystem\n(X" +
                      little_endian(2u) + "lstRu"),
          {"data_batch_1", "1 x 3072"});
  for (size_t size = 0; size < 200; ++size) refused(whole.substr(0, size), {"data_batch_1"});
  for (size_t size = 200; size < whole.size(); size += 97) refused(whole.substr(0, size), {"data_batch_1"});
}

}  // namespace
}  // namespace dgl::test
