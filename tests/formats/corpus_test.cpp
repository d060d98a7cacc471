#include "dgl/base/files.h"
#include "dgl/formats/checkpoint.h"
#include "dgl/formats/image_file.h"
#include "dgl/formats/pickle.h"
#include "dgl/formats/zip.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

/// Every file of a fuzzer's corpus ends in tensors or in an Error of one line; counts those that end in tensors.
template <class Parse>
int replay(const std::string& corpus, const Parse& parse) {
  int files = 0, whole = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(DGL_SOURCE_DIR) / "fuzz/corpus" / corpus)) {
    const std::string content = read_file(entry.path());
    const std::vector<uint8_t> bytes(content.begin(), content.end());
    ++files;
    try {
      parse(bytes);
      ++whole;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << entry.path() << error.what();
    }
  }
  EXPECT_GE(files, 8) << corpus;
  return whole;
}

TEST(Corpus, Checkpoint) {
  const auto parse = [](const std::vector<uint8_t>& bytes) {
    parse_checkpoint({bytes.data(), bytes.size(), nullptr}, "input");
  };
  const auto pickle = [](const std::vector<uint8_t>& bytes) {
    ByteReader reader(bytes.data(), bytes.size(), "input");
    read_pickle(reader, "input");
  };
  EXPECT_GE(replay("checkpoint", parse), 4);
  EXPECT_GE(replay("checkpoint", pickle), 1);
}

TEST(Corpus, Safetensors) {
  EXPECT_GE(replay("safetensors",
                   [](const std::vector<uint8_t>& bytes) { parse_safetensors(bytes.data(), bytes.size(), "input"); }),
            2);
}

TEST(Corpus, Image) {
  EXPECT_GE(replay("image",
                   [](const std::vector<uint8_t>& bytes) {
                     decode_image({bytes.data(), bytes.size(), "input"});
                   }),
            6);
}

TEST(Corpus, Zip) {
  EXPECT_GE(replay("zip",
                   [](const std::vector<uint8_t>& bytes) {
                     const Bytes archive{bytes.data(), bytes.size(), nullptr};
                     for (const auto& [name, entry] : read_zip_directory(archive, "input")) {
                       read_zip_entry(archive, entry, name);
                     }
                   }),
            3);
}

}  // namespace
}  // namespace dgl::test
