#include "dgl/base/files.h"

#include "dgl/base/json.h"
#include "dgl/base/runtime.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

TEST(AtomicFile, AppearsWholeOrNotAtAll) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "a");
    file.write("half");
    EXPECT_FALSE(fs::exists(folder / "a"));
  }
  EXPECT_EQ(folder.entries(), 0u);
  AtomicFile file(folder / "a");
  file.write("who");
  file.write("le");
  file.commit();
  EXPECT_EQ(read_file(folder / "a"), "whole");
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(AtomicFile, KeepsTheOldFileUntilTheNewIsWhole) {
  const TemporaryFolder folder;
  folder.put("a", "old");
  {
    AtomicFile file(folder / "a");
    file.write("new");
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  write_file(folder / "a", "new");
  EXPECT_EQ(read_file(folder / "a"), "new");
}

TEST(AtomicFile, AnInterruptLeavesNothing) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "a"), second(folder / "b");
  {
    AtomicFile committed(folder / "c");
    committed.write("whole");
    committed.commit();
  }
  EXPECT_EQ(folder.entries(), 3u);
  remove_partial_files();
  EXPECT_EQ(folder.entries(), 1u);
  EXPECT_EQ(read_file(folder / "c"), "whole");
}

TEST(Json, IsDiscardedWithAReason) {
  std::string why;
  EXPECT_EQ(parse_json("{\"a\": [1]}", &why)["a"][0], 1);
  EXPECT_EQ(why, "");
  EXPECT_TRUE(parse_json("{\"a\": 1", &why).is_discarded());
  EXPECT_NE(why.find("unexpected end"), std::string::npos) << why;
  for (const size_t depth : {size_t{40}, size_t{200000}}) {
    EXPECT_TRUE(parse_json(std::string(depth, '[') + std::string(depth, ']'), &why).is_discarded());
    EXPECT_NE(why.find("nested"), std::string::npos) << why;
  }
}

TEST(AtomicFile, NamesWhatCannotBeWritten) {
  const TemporaryFolder folder;
  expect_error([&] { AtomicFile file(folder / "none" / "a"); }, {"none/a", "cannot be written"});
  // /dev/full takes no byte, as a full disk.
  fs::create_symlink("/dev/full", folder / ("full.partial-" + std::to_string(::getpid())));
  expect_error([&] { write_file(folder / "full", "x"); }, {"full", "no space left"});
}

TEST(Files, ReadErrors) {
  const TemporaryFolder folder;
  expect_error([&] { read_file(folder / "none"); }, {"none", "cannot be opened"});
  expect_error([&] { read_file(folder.path()); }, {"regular file"});
  folder.put("long", "12345");
  expect_error([&] { read_file(folder / "long", 4); }, {"long", "5 bytes"});
  folder.put("empty", "");
  expect_error([&] { MappedFile map(folder / "empty"); }, {"empty"});
  expect_error([&] { refuse_existing(folder / "long", false); }, {"long", "--overwrite"});
  EXPECT_NO_THROW(refuse_existing(folder / "long", true));
}

TEST(Runtime, DevicesAreChecked) {
  EXPECT_TRUE(parse_device("cpu").is_cpu());
  for (const char* bad : {"", "gpu", "cuda:", "cuda:x", "cuda:99999"}) {
    expect_error([&] { parse_device(bad); }, {"--device"});
  }
}

TEST(Runtime, SeedsDifferAndRepeat) {
  EXPECT_EQ(stream_seed(1, 2, 3), stream_seed(1, 2, 3));
  EXPECT_NE(stream_seed(1, 2, 3), stream_seed(1, 2, 4));
  EXPECT_NE(stream_seed(1, 2, 3), stream_seed(1, 3, 3));
  EXPECT_NE(stream_seed(1, 2, 3), stream_seed(2, 2, 3));
}

}  // namespace
}  // namespace dgl::test
