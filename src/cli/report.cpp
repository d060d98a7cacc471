#include "report/report.h"

#include <filesystem>

#include "cli/commands.h"

namespace dgl {

void add_report(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand("report", "write RUN/report.html, which shows a run or what there is of it so far");
  auto run = std::make_shared<std::string>();
  command->add_option("RUN", *run, "the run directory")->required();
  command->callback([run] {
    write_report(*run);
    fmt::print("{}\n", (std::filesystem::path(*run) / "report.html").string());
  });
}

}  // namespace dgl
