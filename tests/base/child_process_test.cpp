#include "dgl/base/child_process.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "dgl/base/files.h"
#include "dgl/base/folder_lock.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

int wait_for(ChildProcess& child) {
  for (int i = 0; i < 5000; ++i) {
    if (const auto status = child.status()) return *status;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return -1;
}

TEST(ChildProcess, GivesStatusAndOutput) {
  const TemporaryFolder folder;
  ChildProcess first({"/bin/sh", "-c", "echo one; echo two >&2; exit 7"}, folder / "out");
  EXPECT_EQ(wait_for(first), 7);
  EXPECT_EQ(first.status(), 7);
  ChildProcess second({"/bin/sh", "-c", "echo three"}, folder / "out");
  EXPECT_EQ(wait_for(second), 0);
  EXPECT_EQ(read_file(folder / "out"), "one\ntwo\nthree\n");
  ChildProcess none({"/nowhere/program"}, folder / "out");
  EXPECT_EQ(wait_for(none), 127);
  expect_error([&] { ChildProcess({"/bin/true"}, folder / "none/out"); }, {"none/out"});
}

TEST(ChildProcess, EndsWhenAskedTo) {
  const TemporaryFolder folder;
  ChildProcess child({"/bin/sleep", "60"}, folder / "out");
  EXPECT_FALSE(child.status());
  child.terminate();
  EXPECT_EQ(wait_for(child), 128 + SIGTERM);
  { const ChildProcess left({"/bin/sleep", "60"}, folder / "out"); }  // ends with its owner
}

TEST(FolderLock, IsHeldByOneAndByItsChildren) {
  const TemporaryFolder folder;
  struct Busy {};
  const auto busy = [&] {
    try {
      const FolderLock lock(folder / "lock", [] { throw Busy(); });
      return false;
    } catch (const Busy&) {
      return true;
    }
  };
  EXPECT_FALSE(busy());
  std::optional<ChildProcess> child;
  {
    const FolderLock lock(folder / "lock", [] {});
    EXPECT_TRUE(busy());
    child.emplace(std::vector<std::string>{"/bin/sleep", "60"}, folder / "out");
  }
  EXPECT_TRUE(busy());
  child->terminate();
  EXPECT_EQ(wait_for(*child), 128 + SIGTERM);
  EXPECT_FALSE(busy());
}

}  // namespace
}  // namespace dgl::test
