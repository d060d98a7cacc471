#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "dgl/cli/commands.h"
#include "dgl/nn/sampler.h"

namespace dgl {

/// Options of `dgl export` that go with a page alone.
struct PageOptions {
  std::string teacher, runtime, title, images, images_b;
  double max_mb = 100;
};

/// Adds them to a command. `options` must outlive it. Returns them, to be asked whether they were given.
std::vector<CLI::Option*> add_page_options(CLI::App& command, PageOptions& options);

/// Writes the page of a model, in which it runs in a browser (demo/demo_page.h), beside its teacher if one is given or
/// the run's recipe names one. `psi` is the truncation that it begins with.
void export_page(const std::string& model, const std::string& out, double psi, const SolverChoice& solver,
                 const PageOptions& options, const CommonOptions& common);

}  // namespace dgl
