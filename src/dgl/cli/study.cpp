#include <filesystem>

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
      "study", "run the arms of an experiment over seeds, several runs at a time, each on one thread or on --threads");
  auto a = std::make_shared<Arguments>();
  command->add_option("STUDY", a->study, "the experiment, a TOML file (studies/*.toml)")->required();
  command->add_option("--out", a->out, "its folder (runs/NAME); what is done there stays");
  command->add_option("--jobs", a->jobs, "runs at a time (0: as many as there are cores for, one on a GPU)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--arms", a->arms, "run these of its arms only, as ARM,ARM")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--seeds", a->seeds, "run these of its seeds only, as SEED,SEED")
      ->delimiter(',')
      ->allow_extra_args(false);
  CLI::Option* with =
      command->add_option("--with", a->with, "count in the results.json of runs of this study that were made elsewhere")
          ->allow_extra_args(false);
  command->add_flag("--list", a->list, "show what is done and what remains, and run nothing")->excludes(with);
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
