#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/cli/commands.h"
#include "dgl/study/runner.h"

namespace dgl {

void add_study(CLI::App& app, CommonOptions& common) {
  struct Arguments {
    std::string study, out;
    std::vector<std::string> arms, with;
    std::vector<int64_t> seeds;
    int64_t jobs = 0;
    bool list = false;
  };
  CLI::App* command = app.add_subcommand(
      "study", "Run the arms of an experiment over seeds, several runs at a time, each on one thread or on --threads");
  auto a = std::make_shared<Arguments>();
  command->add_option("STUDY", a->study, "Experiment, a TOML file (studies/*.toml)")->required();
  command->add_option("--out", a->out, "Folder of the study (default: runs/NAME), whose finished runs are kept");
  command->add_option("--jobs", a->jobs, "Number of concurrent runs (0: as many as the cores allow, or one on a GPU)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--arms", a->arms, "Arms to run, as ARM,ARM (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--seeds", a->seeds, "Seeds to run, as SEED,SEED (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* with =
      command
          ->add_option("--with", a->with, "Include results.json of this study's runs from elsewhere (can be repeated)")
          ->allow_extra_args(false);
  command->add_flag("--list", a->list, "List finished and remaining runs without running any")->excludes(with);
  command->callback([a, &common] {
    const Study study = load_study(a->study);
    const std::filesystem::path out =
        a->out.empty() ? std::filesystem::path("runs") / study.name : std::filesystem::path(a->out);
    const StudyOptions options{a->jobs,  std::max<int64_t>(1, common.threads), common.device, common.quiet, a->arms,
                               a->seeds, {a->with.begin(), a->with.end()}};
    if (a->list) {
      fmt::print("{}\n", list_study(study, out, options));
    } else {
      common.status = run_study(study, out, options);
    }
  });
}

}  // namespace dgl
