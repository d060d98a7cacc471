#include <gtest/gtest.h>

#include "cli/program.h"

namespace dgl::test {
namespace {

// docs/PAGE.md is what the program prints: `build/dgl docs cli > docs/cli.md`.
TEST(Docs, GeneratedPagesAreCurrent) {
  const TemporaryFolder folder;
  const Program run(folder);
  for (const std::string page : {"cli", "recipe-keys"}) {
    const Outcome outcome = run({"docs", page});
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const fs::path file = fs::path(DGL_SOURCE_DIR) / "docs" / (page + ".md");
    EXPECT_EQ(outcome.out, read_file(file)) << "run: build/dgl docs " << page << " > docs/" << page << ".md";
  }
}

}  // namespace
}  // namespace dgl::test
