#include "dgl/report/report.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/local_http_server.h"
#include "dgl/cli/commands.h"
#include "dgl/cli/export_page.h"
#include "dgl/report/live_report.h"
#include "dgl/report/study_report.h"
#include "dgl/report/tensorboard.h"

namespace dgl {

namespace {

struct ReportArguments {
  std::string run, runtime, tensorboard;
  bool page = false, watch = false;
  int port = 0;
};

/// Serves the report of a run until the program is interrupted.
[[noreturn]] void watch(const ReportArguments& arguments) {
  LiveReport report(arguments.run);
  LocalHttpServer server(arguments.port, [&](const std::string& path) { return report.answer(path); });
  fmt::print("{}\n", server.url());
  std::fflush(stdout);
  server.serve();
}

void run(const ReportArguments& arguments, const CommonOptions& common) {
  const std::filesystem::path folder = arguments.run;
  const bool study = std::filesystem::exists(folder / "results.json");
  if (study && arguments.page) throw UsageError("--page goes with a run, not with a study");
  if (study && (arguments.watch || !arguments.tensorboard.empty())) {
    fail("{}: a study; expected one of its runs", arguments.run);
  }
  if (arguments.watch) watch(arguments);
  if (!arguments.tensorboard.empty()) {
    const int64_t lines = export_events(folder, arguments.tensorboard);
    fmt::print("{}: {} log lines\n", arguments.tensorboard, lines);
    return;
  }
  if (arguments.page) {
    PageOptions options;
    options.runtime = arguments.runtime;
    export_page(arguments.run, (folder / "demo.html").string(), /*psi=*/1, {}, options, common);
  }
  if (study) {
    write_study_report(folder);
  } else {
    write_report(folder);
  }
  fmt::print("{}\n", (folder / "report.html").string());
}

}  // namespace

void add_report(CLI::App& app, CommonOptions& common) {
  CLI::App* command = app.add_subcommand(
      "report", "Write RUN/report.html for a run or a study, finished or not, or show a run while it trains");
  auto a = std::make_shared<ReportArguments>();
  command->add_option("RUN", a->run, "Run directory, or a study's folder")->required();
  auto* watch = command->add_flag(
      "--watch", a->watch, "Serve the report to a browser on this machine, with new points and grids as they come");
  command->add_option("--port", a->port, "Port of 127.0.0.1 to serve it at (0: a free one)")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str()
      ->needs(watch);
  command->add_option("--tensorboard", a->tensorboard, "Write the run's log and grids as event files to this folder")
      ->excludes(watch);
  auto* page = command->add_flag("--page", a->page,
                                 "Write RUN/demo.html too, a page that runs the finished run's model, and link it");
  command->add_option("--runtime", a->runtime, "ONNX Runtime Web for that page, as of `dgl export`")->needs(page);
  command->callback([a, &common] { run(*a, common); });
}

}  // namespace dgl
