#include "dgl/cli/cli.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/base/runtime.h"
#include "dgl/base/torch.h"
#include "dgl/cli/commands.h"
#include "dgl/ops/kernel_set.h"
#include "dgl/version.h"

namespace dgl {

namespace {

constexpr const char* kAbout =
    "Compress trained generative models by discriminator-guided learning (DGL-GAN, arXiv 2112.06502)";

constexpr Register kCommands[] = {add_prepare, add_train,   add_compress, add_boost,   add_resume,      add_sample,
                                  add_score,   add_eval,    add_features, add_metrics, add_profile,     add_import,
                                  add_export,  add_bench,   add_report,   add_study,   add_reconstruct, add_translate,
                                  add_apply,   add_project, add_docs};

/// An interrupt leaves no half-written file; commands that can be resumed handle it themselves (InterruptGuard).
void end(int signal) {
  remove_partial_files();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

int run_cli(int argc, char** argv) {
  CLI::App app{kAbout, "dgl"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "dgl " DGL_VERSION ", kernels for " + ops::kernel_set());
  CommonOptions common;
  for (const Register add : kCommands) add(app, common);
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    const bool resumes = command->get_name() == "resume", studies = command->get_name() == "study";
    command
        ->add_option(
            "--device", common.device,
            resumes ? "Device: cpu, cuda or cuda:N (auto: that of the run)" : "Device: auto, cpu, cuda or cuda:N")
        ->capture_default_str();
    command
        ->add_option("--threads", common.threads,
                     resumes   ? "Number of threads (0: as many as the run began with)"
                     : studies ? "Number of threads of each run (0: one)"
                               : "Number of threads (0: all cores)")
        ->capture_default_str();
    command->add_flag("--quiet", common.quiet, "Print only results and errors");
    // The work waits until every option is known.
    command->parse_complete_callback([&common] { init_runtime(common.threads); });
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGINT, end);
  std::signal(SIGTERM, end);
  try {
    app.parse(argc, argv);
    return common.status;
  } catch (const CLI::Success& success) {
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  } catch (const UsageError& error) {
    fmt::print(stderr, "dgl: error: {}\n", error.what());
    return 2;
  } catch (const c10::Error& error) {
    // What libtorch says of itself (no memory, a GPU that failed), without its stack trace.
    fmt::print(stderr, "dgl: error: libtorch: {}\n", first_line(error.what_without_backtrace()));
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "dgl: error: out of memory\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "dgl: error: {}\n", first_line(error.what()));
    return 1;
  }
}

CLI::Validator within(double low, double high) {
  const auto check = [=](std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    const bool fits = end != text.c_str() && *end == '\0' && value >= low && value <= high;
    return fits ? std::string() : fmt::format("{}: expected a number from {:g} to {:g}", text, low, high);
  };
  return CLI::Validator(check, fmt::format("FLOAT in [{:g} - {:g}]", low, high));
}

}  // namespace dgl
