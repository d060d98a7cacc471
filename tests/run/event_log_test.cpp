#include "dgl/run/event_log.h"

#include <gtest/gtest.h>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "event_reader.h"
#include "make_files.h"
#include "temporary_folder.h"

namespace dgl {
namespace {

using test::Event;
using test::event_files_of;
using test::read_events;

class Events : public testing::Test {
 protected:
  fs::path events() const { return folder_ / "events"; }
  /// Writes a file of three steps, as a process does.
  void write_steps(double time, const std::vector<int64_t>& steps) {
    EventLog log(events());
    for (const int64_t step : steps) {
      log.add_scalars(time, step, {{"loss/g_main", static_cast<double>(step)}});
      log.add_png(time, step, "samples", png_);
    }
  }

  test::TemporaryFolder folder_;
  const std::string png_ = test::plain_png(12, 7, "abc");
};

TEST_F(Events, HoldNumbersAndPictures) {
  EventLog log(events());
  EXPECT_TRUE(log.empty());
  EXPECT_FALSE(fs::exists(events())) << "nothing is made before the first event";
  log.add_png(1700000000.5, 0, "real", test::plain_png(3, 2, "g"));
  log.add_scalars(1700000001.25, 300000000000, {{"fd", 12.5}, {"loss/g_main", -0.75}});
  log.add_png(1700000002, 300000000000, "samples", png_);
  EXPECT_FALSE(log.empty());
  const auto files = event_files_of(events());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(files[0].filename().string().starts_with("events.out.tfevents.1700000000."));
  const std::vector<Event> all = read_events(events());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].file_version, "brain.Event:2");
  EXPECT_EQ(all[0].wall_time, 1700000000.5);
  EXPECT_EQ(all[1].step, 0);
  EXPECT_EQ(all[1].images.at("real").colorspace, 1u);
  EXPECT_EQ(all[2].wall_time, 1700000001.25);
  EXPECT_EQ(all[2].step, 300000000000);
  EXPECT_EQ(all[2].scalars, (std::map<std::string, float>{{"fd", 12.5f}, {"loss/g_main", -0.75f}}));
  const auto& samples = all[3].images.at("samples");
  EXPECT_EQ(samples.width, 12u);
  EXPECT_EQ(samples.height, 7u);
  EXPECT_EQ(samples.colorspace, 3u);
  EXPECT_EQ(samples.png, png_);
  EXPECT_THROW(log.add_png(0, 0, "samples", "no picture"), Error);
}

// A process that continues writes a file of its own, which says from where on earlier files do not count.
TEST_F(Events, ContinueInAnotherFile) {
  write_steps(1700000000, {100, 200});
  write_steps(1700000000, {300});
  write_steps(1600000000, {400});  // a clock that was set back
  const auto files = event_files_of(events());
  ASSERT_EQ(files.size(), 3u);
  const auto second = test::read_event_file(files[1]), third = test::read_event_file(files[2]);
  EXPECT_TRUE(second[1].restarts);
  EXPECT_EQ(second[1].step, 201);
  EXPECT_EQ(third[1].step, 301);
  EXPECT_EQ(test::scalar_steps(read_events(events())), (std::vector<int64_t>{100, 200, 300, 400}));
}

TEST_F(Events, AreCutBackToAStep) {
  truncate_events(events(), 5);  // there are none yet
  write_steps(1700000000, {100, 200, 300});
  write_steps(1700000005, {400, 500});
  const std::string first = read_file(event_files_of(events())[0]);
  truncate_events(events(), 500);
  EXPECT_EQ(test::scalar_steps(read_events(events())).size(), 5u) << "nothing lies above";
  truncate_events(events(), 450);
  EXPECT_EQ(test::scalar_steps(read_events(events())), (std::vector<int64_t>{100, 200, 300, 400}));
  truncate_events(events(), 300);
  ASSERT_EQ(event_files_of(events()).size(), 1u) << "a file without events is gone";
  EXPECT_EQ(read_file(event_files_of(events())[0]), first);
  truncate_events(events(), 250);
  EXPECT_EQ(test::scalar_steps(read_events(events())), (std::vector<int64_t>{100, 200}));
  write_steps(1700000009, {300});
  EXPECT_EQ(test::scalar_steps(read_events(events())), (std::vector<int64_t>{100, 200, 300}));
  truncate_events(events(), 50);
  EXPECT_TRUE(event_files_of(events()).empty());
}

// A run that goes back to a checkpoint goes on in another file, with a version of its own.
TEST_F(Events, AWriterWhoseFileWasCutBeginsAnother) {
  EventLog log(events());
  log.add_scalars(1700000000, 100, {{"fd", 1}});
  log.add_scalars(1700000001, 200, {{"fd", 2}});
  truncate_events(events(), 100);
  log.add_scalars(1700000002, 200, {{"fd", 3}});
  log.add_scalars(1700000003, 300, {{"fd", 4}});
  EXPECT_EQ(event_files_of(events()).size(), 2u);
  truncate_events(events(), 0);
  log.add_scalars(1700000004, 100, {{"fd", 5}});
  ASSERT_EQ(event_files_of(events()).size(), 1u);
  const auto all = read_events(events());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].file_version, "brain.Event:2");
  EXPECT_EQ(all[1].scalars.at("fd"), 5);
}

TEST_F(Events, TheLastOneOfACrashIsCutOff) {
  write_steps(1700000000, {100, 200});
  const fs::path file = event_files_of(events())[0];
  const std::string whole = read_file(file);
  write_file(file, whole.substr(0, whole.size() - 3));
  truncate_events(events(), 1000);
  EXPECT_EQ(test::scalar_steps(read_events(events())), (std::vector<int64_t>{100, 200}));
  const auto all = read_events(events());
  EXPECT_EQ(all.back().scalars.size(), 1u) << "the picture that was cut is gone, the numbers before it stay";
}

TEST_F(Events, NameAFolderThatCannotBeWritten) {
  folder_.put("events", "a file");
  EventLog log(events());
  try {
    log.add_scalars(0, 1, {{"fd", 1}});
    FAIL() << "the folder is a file";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("events"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace dgl
