#include "cli/program_test_case.h"
#include "make_files.h"

namespace dgl::test {
namespace {

class PrepareCommand : public ProgramTest {};

TEST_F(PrepareCommand, SaysWhatItDidWithForeignFiles) {
  folder_.put("nv/00000/a.png", plain_png(8, 8, "a"));
  folder_.put("nv/00000/b.png", plain_png(8, 8, "b"));
  folder_.put("nv/00001/c.png", plain_png(8, 8, "c"));
  folder_.put("nv/00001/bad.png", "no image");
  folder_.put("nv/readme.txt", "text");
  folder_.put("nv/dataset.json",
              R"({"labels": [["00000/a.png", 2], ["00000/b.png", 0], ["00001/c.png", 2], ["00001/bad.png", 0]]})");
  expect_refused({"prepare", "nv", "--labels", "--out", "out"}, {"bad.png", "expected a PNG", "--skip-broken"});
  const Outcome done = expect_done({"prepare", "nv", "--labels", "--skip-broken", "--out", "d.dgldata"});
  for (const char* line :
       {"3 images of 1 x 8 x 8, 3 labels", "left out, being no images by their names: 1 .txt\n",
        "labels from nv/dataset.json\n",
        "left out: 1 of 4 images cannot be read: nv/00001/bad.png: ", "images of each label: 0 1, 1 0, 2 2\n"}) {
    EXPECT_NE(done.out.find(line), std::string::npos) << done.out << "lacks " << line;
  }
}

}  // namespace
}  // namespace dgl::test
