#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/program_test_case.h"
#include "dgl/run/run_log.h"
#include "event_reader.h"
#include "http_client.h"

namespace dgl::test {
namespace {

/// A run of a few steps.
class WatchedRun : public ProgramTest {
 protected:
  WatchedRun() {
    put_squares(folder_, 40);
    folder_.put("r.toml",
                "[network]\nimg_channels = 1\nchannel_base = 64\nchannel_max = 4\nz_dim = 4\nw_dim = 4\n"
                "[training]\nbatch = 4\nkimg = 0.016\ncheckpoint_kimg = 0.004\n");
    expect_done({"prepare", "squares", "--size", "32", "--out", "d.dgldata"});
  }
  void train(const std::string& out, const Words& more = {}) {
    Words words{"train", "--recipe", "r.toml", "--data", "d.dgldata", "--out", out};
    words.insert(words.end(), more.begin(), more.end());
    expect_done(words);
  }
  /// The steps of a run's log.
  std::vector<int64_t> logged(const std::string& run) const {
    std::vector<int64_t> steps;
    for_each_log_line(folder_ / run / "log.jsonl", [&](const TableReader& line, const std::string&) {
      steps.push_back(line.integer("images", 0, 1000));
    });
    return steps;
  }
  /// The URL that a server prints once it listens.
  std::string url_of(const std::string& suffix) const {
    for (int i = 0; i < 2000; ++i) {
      const fs::path file = folder_ / ("stdout" + suffix);
      const std::string text = fs::exists(file) ? read_file(file) : "";
      if (text.ends_with("\n")) return text.substr(0, text.size() - 1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "no URL after 20 seconds";
    return "";
  }
};

TEST_F(WatchedRun, IsServedUntilAnInterrupt) {
  train("run", {"--set", "training.kimg=0.008"});
  const pid_t server = dgl_.start({"report", "run", "--watch", "--port", "0"}, {}, "-watch");
  const std::string url = url_of("-watch"), start = "http://127.0.0.1:";
  ASSERT_TRUE(url.starts_with(start)) << url;
  const int port = std::stoi(url.substr(start.size()));
  fs::remove(folder_ / "run/report.html");
  EXPECT_EQ(status_of(request(port, "/")), 200);
  const auto state = [&] { return nlohmann::json::parse(content_of(request(port, "/state"))); };
  const std::string before = state()["version"];
  EXPECT_NE(content_of(request(port, "/report.html")).find("<canvas id=\"losses-g\""), std::string::npos);
  for (const char* path : {"/recipe.toml", "/../d.dgldata", "/%2e%2e/d.dgldata", "/samples/real.png", "/run.lock"}) {
    EXPECT_EQ(status_of(request(port, path)), 404) << path;
  }
  EXPECT_EQ(status_of(request(port, "/", "POST")), 405);
  // The port is taken now.
  expect_refused({"report", "run", "--watch", "--port", std::to_string(port)}, {"--port", std::to_string(port)});
  // New points come.
  expect_done({"resume", "run", "--kimg", "0.012"});
  fs::remove(folder_ / "run/report.html");
  EXPECT_NE(state()["version"], before);
  EXPECT_FALSE(fs::exists(folder_ / "run/report.html")) << "a reader writes nothing";
  ::kill(server, SIGINT);
  EXPECT_EQ(dgl_.wait(server, "-watch").status, 130);
  EXPECT_EQ(request(port, "/"), "") << "nothing listens any more";
  expect_refused({"report", "none", "--watch"}, {"none"});
  EXPECT_EQ(dgl_({"report", "run", "--port", "1"}).status, 2) << "a port is for --watch";
}

TEST_F(WatchedRun, LeavesEventsOfEveryLogLine) {
  train("run");
  const auto events = read_events(folder_ / "run/events");
  EXPECT_EQ(scalar_steps(events), logged("run"));
  EXPECT_EQ(scalar_steps(events), (std::vector<int64_t>{4, 8, 12, 16}));
  std::map<std::string, int> grids;
  for (const auto& event : events) {
    for (const auto& [tag, image] : event.images) {
      ++grids[tag];
      EXPECT_EQ(image.colorspace, 1u);
      EXPECT_TRUE(image.png.starts_with("\x89PNG"));
    }
    if (event.scalars.empty()) continue;
    for (const char* tag : {"loss/g_main", "loss/d_main", "score/real", "seconds", "images_per_second", "stage"}) {
      EXPECT_TRUE(event.scalars.contains(tag)) << tag;
    }
  }
  EXPECT_EQ(grids, (std::map<std::string, int>{{"real", 1}, {"samples", 4}}));
  // The same as an export of the log says, but for the pictures that were replaced since.
  expect_done({"report", "run", "--tensorboard", "exported"});
  const auto exported = read_events(folder_ / "exported");
  EXPECT_EQ(scalar_steps(exported), logged("run"));
  expect_refused({"report", "run", "--tensorboard", "exported"}, {"exported", "already"});
  train("without", {"--set", "training.tensorboard=false"});
  EXPECT_FALSE(fs::exists(folder_ / "without/events"));
}

// A run that goes on from an earlier point than its log's end writes none of its steps twice.
TEST_F(WatchedRun, ResumedEventsHaveEveryStepOnce) {
  train("run", {"--set", "training.checkpoint_keep=10"});
  const std::string model = read_file(folder_ / "run/model.safetensors");
  fs::remove(folder_ / "run/summary.json");
  std::vector<fs::path> checkpoints;
  for (const auto& entry : fs::directory_iterator(folder_ / "run/checkpoints")) {
    if (entry.path().filename().string().starts_with("0")) checkpoints.push_back(entry.path());
  }
  std::sort(checkpoints.begin(), checkpoints.end());
  ASSERT_EQ(checkpoints.size(), 5u) << "of the beginning and of every log line";
  for (size_t i = 3; i < 5; ++i) fs::remove(checkpoints[i]);
  expect_done({"resume", "run"});
  EXPECT_EQ(read_file(folder_ / "run/model.safetensors"), model) << "training is the same with events";
  EXPECT_EQ(event_files_of(folder_ / "run/events").size(), 2u);
  EXPECT_EQ(scalar_steps(read_events(folder_ / "run/events")), (std::vector<int64_t>{4, 8, 12, 16}));
  EXPECT_EQ(logged("run"), (std::vector<int64_t>{4, 8, 12, 16}));
  expect_done({"resume", "run", "--kimg", "0.02"});
  EXPECT_EQ(scalar_steps(read_events(folder_ / "run/events")), (std::vector<int64_t>{4, 8, 12, 16, 20}));
  // A run that is made anew begins its events anew.
  train("run", {"--overwrite"});
  EXPECT_EQ(event_files_of(folder_ / "run/events").size(), 1u);
}

}  // namespace
}  // namespace dgl::test
