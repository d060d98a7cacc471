#include "base/files.h"

#include "base/runtime.h"
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
