#pragma once

namespace dgl {

/// The whole program: parses the arguments, runs the subcommand, prints `dgl: error: …` for an Error.
/// Returns the exit status: 0 done, 1 error, 2 wrong usage, 130 or 143 interrupted.
int run_cli(int argc, char** argv);

}  // namespace dgl
