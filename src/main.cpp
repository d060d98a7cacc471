#include "dgl/cli/cli.h"

int main(int argc, char** argv) { return dgl::run_cli(argc, argv); }
