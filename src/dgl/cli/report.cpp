#include "dgl/report/report.h"

#include <fmt/format.h>
#include <filesystem>
#include <memory>
#include <string>

#include "dgl/cli/commands.h"
#include "dgl/report/study_report.h"

namespace dgl {

void add_report(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("report", "Write RUN/report.html for a run or a study, finished or not");
  auto run = std::make_shared<std::string>();
  command->add_option("RUN", *run, "Run directory, or a study's folder")->required();
  command->callback([run] {
    if (std::filesystem::exists(std::filesystem::path(*run) / "results.json")) {
      write_study_report(*run);
    } else {
      write_report(*run);
    }
    fmt::print("{}\n", (std::filesystem::path(*run) / "report.html").string());
  });
}

}  // namespace dgl
