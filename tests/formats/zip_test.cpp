#include "dgl/formats/zip.h"

#include "formats/make_checkpoint.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

Bytes view(const std::string& file) { return {reinterpret_cast<const uint8_t*>(file.data()), file.size(), nullptr}; }

const std::string kArchive = make_zip({{"a", "first"}, {"b", "second"}});

/// Reads kArchive with `bytes` in place of those at `at`.
auto changed(size_t at, const std::string& bytes) {
  std::string file = kArchive;
  file.replace(at, bytes.size(), bytes);
  return [file] { read_zip_directory(view(file), "z"); };
}

TEST(Zip, ListsStoredEntries) {
  const auto entries = read_zip_directory(view(kArchive), "z");
  ASSERT_EQ(entries.size(), 2u);
  const Bytes second = read_zip_entry(view(kArchive), entries.at("b"), "z");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(second.data), second.size), "second");
}

TEST(Zip, InflatesEntries) {
  const std::string long_text = repeat("deflated", 1000);
  const std::string archive = make_zip({{"a", long_text}, {"empty", ""}}, /*deflate=*/true);
  const auto entries = read_zip_directory(view(archive), "z");
  const Bytes first = read_zip_entry(view(archive), entries.at("a"), "z");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(first.data), first.size), long_text);
  EXPECT_EQ(read_zip_entry(view(archive), entries.at("empty"), "z").size, 0u);
  const size_t directory = archive.find("PK\1\2");
  // Each damage to the deflated bytes, the stored size and the size is an error and costs no memory.
  for (size_t at = 31; at < directory + 46; ++at) {
    std::string damaged = archive;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x11);
    try {
      for (const auto& [name, entry] : read_zip_directory(view(damaged), "z")) {
        read_zip_entry(view(damaged), entry, "entry " + name);
      }
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  ZipEntry entry = entries.at("a");
  entry.size -= 1;
  expect_error([&] { read_zip_entry(view(archive), entry, "entry a"); }, {"entry a", "damaged"});
  entry.size += 2;
  expect_error([&] { read_zip_entry(view(archive), entry, "entry a"); }, {"entry a", "damaged"});
  entry.size = uint64_t{1} << 50;
  expect_error([&] { read_zip_entry(view(archive), entry, "entry a"); }, {"entry a", "damaged"});
  entry = entries.at("a");
  entry.stored -= 3;
  expect_error([&] { read_zip_entry(view(archive), entry, "entry a"); }, {"entry a", "damaged"});
}

TEST(Zip, ArchivesThatExpandAThousandfoldAreRefused) {
  const std::string bomb = make_zip({{"a", std::string(80 << 20, 'x')}}, /*deflate=*/true);
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  expect_error([&] { read_zip_directory(view(bomb), "z"); }, {"\"a\"", "32 times"});
}

TEST(Zip, ReadsThe64BitDirectory) {
  const size_t end = kArchive.size() - 22;
  const auto entries = little_endian<uint64_t>(2);
  const size_t directory = kArchive.find("PK\1\2");
  const std::string end64 = "PK\6\6" + little_endian<uint64_t>(44) + std::string(12, '\0') + entries + entries +
                            little_endian<uint64_t>(end - directory) + little_endian<uint64_t>(directory);
  const std::string locator =
      "PK\6\7" + little_endian<uint32_t>(0) + little_endian<uint64_t>(end) + little_endian<uint32_t>(1);
  std::string last = kArchive.substr(end);
  last.replace(8, 12, std::string(12, '\xff'));
  EXPECT_EQ(read_zip_directory(view(kArchive.substr(0, end) + end64 + locator + last), "z").size(), 2u);
  std::string astray = kArchive.substr(0, end) + end64 + locator + last;
  astray[end + 56 + 8] = '\x7f';
  expect_error([&] { read_zip_directory(view(astray), "z"); }, {"z", "64-bit"});
}

TEST(Zip, BrokenArchivesAreRefused) {
  const size_t directory = kArchive.find("PK\1\2"), end = kArchive.size() - 22;
  expect_error([] { read_zip_directory(view(""), "z"); }, {"z", "without its directory"});
  expect_error(changed(end, "X"), {"without its directory"});
  expect_error(changed(end + 8, "\xff\xff\xff\xff"), {"does not fit"});
  expect_error(changed(end + 12, "\xff\xff\xff\xff"), {"does not fit"});
  expect_error(changed(end + 16, "\xff\xff\xff\xff"), {"does not fit"});
  expect_error(changed(directory, "X"), {"entry 0", "damaged"});
  expect_error(changed(directory + 8, "\1"), {"\"a\"", "encrypted"});
  expect_error(changed(directory + 10, "\x9"), {"\"a\"", "compressed by method 9"});
  expect_error(changed(directory + 20, "\xff"), {"\"a\"", "two sizes"});
  expect_error(changed(directory + 20, std::string("\xff\xff\0\0\xff\xff\0\0", 8)), {"\"a\"", "past the end"});
  expect_error(changed(directory + 42, "\3"), {"\"a\"", "header"});
  expect_error(changed(directory + 46, "b"), {"\"b\"", "twice"});
  expect_error(changed(directory + 42 + 47, std::string("\0", 1)), {"share bytes"});
  expect_error(changed(directory + 30, "\xff\xff"), {"too early"});
}

}  // namespace
}  // namespace dgl::test
