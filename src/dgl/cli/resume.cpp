#include <memory>
#include <string>

#include "dgl/base/runtime.h"
#include "dgl/cli/commands.h"
#include "dgl/run/run_directory.h"
#include "dgl/training/train.h"

namespace dgl {

void add_resume(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("resume", "Resume an interrupted run from its newest checkpoint");
  auto run = std::make_shared<std::string>();
  command->add_option("RUN", *run, "Run directory")->required();
  command->callback([run, &common] {
    // The same bits need the same number of threads.
    const Recipe recipe = RunDirectory::open(*run).recipe();
    init_runtime(common.threads > 0 ? common.threads : static_cast<int>(recipe.run.threads));
    common.status = resume_run(*run, common.device, common.quiet);
  });
}

}  // namespace dgl
