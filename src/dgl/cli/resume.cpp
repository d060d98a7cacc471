#include <memory>
#include <string>

#include "dgl/base/runtime.h"
#include "dgl/cli/commands.h"
#include "dgl/run/run_directory.h"
#include "dgl/training/train.h"

namespace dgl {

void add_resume(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand(
      "resume", "Resume an interrupted run from its newest checkpoint, or continue one for longer or in another way");
  struct Options {
    std::string run;
    double kimg = -1;
    RunChanges changes;
  };
  auto options = std::make_shared<Options>();
  RunChanges& changes = options->changes;
  command->add_option("RUN", options->run, "Run directory")->required();
  command
      ->add_option("--kimg", options->kimg,
                   "Length of the run, or of stage 2 of a student's, in thousands of images: continues a finished run")
      ->check(within(0, 1e9));
  command->add_option("--data", changes.data, "Where the packed set lies now, or another one to continue on");
  command->add_option("--data-b", changes.data_b, "The same of the second domain");
  command->add_option("--teacher", changes.teacher, "Where the first teacher lies now");
  command
      ->add_option("--set", changes.overrides,
                   "Recipe key to change from here on: --set training.lr=0.001 (can be repeated); a run keeps its "
                   "networks and its seed")
      ->allow_extra_args(false);
  command->callback([options, &common] {
    if (options->kimg >= 0) options->changes.kimg = options->kimg;
    // The same bits need the same number of threads.
    const Recipe recipe = RunDirectory::open(options->run).recipe();
    init_runtime(common.threads > 0 ? common.threads : static_cast<int>(recipe.run.threads));
    common.status = resume_run(options->run, common.device, common.quiet, options->changes);
  });
}

}  // namespace dgl
