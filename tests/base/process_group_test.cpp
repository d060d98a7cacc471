#include "dgl/base/process_group.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <thread>

#include "dgl/base/error.h"
#include "dgl/base/runtime.h"
#include "free_port.h"
#include "temporary_folder.h"

namespace dgl::test {
namespace {

using Variables = std::map<std::string, std::string>;

/// An environment without launchers' variables but those given, until it goes.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    clear();
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  }
  ~Environment() { clear(); }

 private:
  static void clear() {
    for (const char* name :
         {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "OMPI_COMM_WORLD_RANK",
          "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID",
          "TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT", "LOCAL_WORLD_SIZE"}) {
      ::unsetenv(name);
    }
  }
};

TEST(LaunchConfig, OneProcessNeedsNoLauncher) {
  for (const auto& variables :
       std::vector<Variables>{{},
                              {{"RANK", "0"}, {"WORLD_SIZE", "1"}},
                              // A batch job's environment, where nobody said that its tasks are to meet.
                              {{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "0"}}}) {
    const Environment environment(variables);
    EXPECT_FALSE(LaunchConfig::of_environment());
    EXPECT_EQ(ProcessGroup::of_environment()->count(), 1);
    EXPECT_TRUE(ProcessGroup::of_environment()->is_root());
  }
}

TEST(LaunchConfig, EveryLauncherIsRead) {
  const Variables meeting{{"MASTER_ADDR", "node7"}, {"MASTER_PORT", "29501"}};
  for (Variables variables : std::vector<Variables>{
           {{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}},
           {{"OMPI_COMM_WORLD_RANK", "5"}, {"OMPI_COMM_WORLD_SIZE", "8"}, {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}},
           {{"SLURM_PROCID", "5"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "1"}}}) {
    variables.insert(meeting.begin(), meeting.end());
    const Environment environment(variables);
    const auto launch = LaunchConfig::of_environment();
    ASSERT_TRUE(launch);
    EXPECT_EQ(launch->rank, 5);
    EXPECT_EQ(launch->count, 8);
    EXPECT_EQ(launch->local_rank, 1);
    EXPECT_EQ(launch->address, "node7");
    EXPECT_EQ(launch->port, 29501);
  }
}

TEST(LaunchConfig, AVariableThatIsWrongOrMissingIsNamed) {
  const Variables right{
      {"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "29500"}};
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"RANK", "2"},
                                                        {"RANK", "-1"},
                                                        {"WORLD_SIZE", "two"},
                                                        {"WORLD_SIZE", "99999999999999999999"},
                                                        {"LOCAL_RANK", ""},
                                                        {"MASTER_PORT", "65536"},
                                                        {"MASTER_PORT", "29500 "}}) {
    auto variables = right;
    variables[name] = value;
    const Environment environment(variables);
    expect_error([] { LaunchConfig::of_environment(); }, {name, "\"" + value + "\"", "expected a number"});
  }
  for (const auto& [name, value] : right) {
    if (name == "WORLD_SIZE") continue;
    auto variables = right;
    variables.erase(name);
    const Environment environment(variables);
    expect_error([] { LaunchConfig::of_environment(); }, {name, "not set"});
  }
}

TEST(LaunchConfig, ThreadsAreSharedOutByANumberOfProcesses) {
  const int threads = runtime_threads();
  {
    const Environment environment(Variables{{"LOCAL_WORLD_SIZE", "65536"}});
    init_runtime(0);
    EXPECT_EQ(runtime_threads(), 1);
  }
  for (const char* wrong : {"0", "two", ""}) {
    const Environment environment(Variables{{"LOCAL_WORLD_SIZE", wrong}});
    expect_error([] { init_runtime(0); }, {"LOCAL_WORLD_SIZE", "expected a number from 1"});
  }
  init_runtime(threads);
}

/// Calls work(processes of rank r) for `count` ranks, each on a thread of its own.
template <class Work>
void as_processes(int64_t count, const Work& work) {
  LaunchConfig launch;
  launch.count = count;
  launch.address = "127.0.0.1";
  launch.port = static_cast<uint16_t>(free_port());
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    LaunchConfig own = launch;
    own.rank = own.local_rank = rank;
    threads.emplace_back([own, &work] {
      const ProcessGroup processes(own);
      work(processes);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ProcessGroup, AddUpInEveryShapeAndLayout) {
  as_processes(3, [](const ProcessGroup& processes) {
    const auto mine = static_cast<double>(processes.rank() + 1);
    const torch::Tensor values = torch::arange(24, torch::kFloat).view({1, 2, 3, 4}) * mine;
    const torch::Tensor scalar = torch::full({}, mine), image = values.contiguous(at::MemoryFormat::ChannelsLast),
                        turned = torch::arange(6, torch::kFloat).view({2, 3}).t() * mine;
    processes.all_reduce_sum({scalar, {}, image, turned});
    EXPECT_EQ(scalar.item<double>(), 6);
    EXPECT_TRUE(torch::equal(image, torch::arange(24, torch::kFloat).view({1, 2, 3, 4}) * 6));
    EXPECT_TRUE(image.is_contiguous(at::MemoryFormat::ChannelsLast));
    EXPECT_TRUE(torch::equal(turned, torch::arange(6, torch::kFloat).view({2, 3}).t() * 6));
    processes.all_reduce_sum({});
    processes.all_reduce_sum({torch::Tensor()});
  });
}

TEST(ProcessGroup, SpreadWhatTheFirstHas) {
  as_processes(2, [](const ProcessGroup& processes) {
    const torch::Tensor weights = torch::full({2, 3}, static_cast<double>(processes.rank())),
                        counter = torch::full({1}, 7 + processes.rank(), torch::kLong), none = torch::empty({0});
    processes.broadcast({weights, counter, none});
    EXPECT_EQ(weights.sum().item<double>(), 0);
    EXPECT_EQ(counter.item<int64_t>(), 7);
    EXPECT_EQ(processes.is_root(), processes.rank() == 0);
  });
}

TEST(ProcessGroup, FindTheLargest) {
  as_processes(3, [](const ProcessGroup& processes) {
    EXPECT_EQ(processes.all_reduce_max(processes.rank() == 1 ? 15 : -2), 15);
    EXPECT_EQ(processes.all_reduce_max(processes.rank() - 9), -7);
    processes.barrier();
  });
}

TEST(ProcessGroup, OneThatIsGoneIsAnErrorInTheOthers) {
  as_processes(2, [](const ProcessGroup& processes) {
    processes.barrier();
    if (processes.rank() == 0) expect_error([&] { processes.barrier(); }, {"process 0 of 2", "another one has ended"});
  });
}

TEST(ProcessGroup, OneAloneAddsNothing) {
  const ProcessGroup processes;
  const torch::Tensor t = torch::ones({2});
  processes.all_reduce_sum({t});
  processes.broadcast({t});
  EXPECT_EQ(t.sum().item<double>(), 2);
  EXPECT_EQ(processes.all_reduce_max(-3), -3);
}

}  // namespace
}  // namespace dgl::test
