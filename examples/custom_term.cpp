// Trains with a guidance term of its own:  custom_term RECIPE.toml DATA.dgldata TEACHER.safetensors OUT
// The term draws the contrast of generated images to that of the real ones.
#include <dgl/base/error.h>
#include <dgl/base/runtime.h>
#include <dgl/training/stages.h>

#include <cstdio>
#include <memory>

/// lambda * (std of the generated images - std of the real ones)^2.
class ContrastTerm : public dgl::GuidanceTerm {
 public:
  explicit ContrastTerm(double lambda) : lambda_(lambda) {}
  dgl::GuidanceResult evaluate(const dgl::GuidanceInput& input) const override {
    const torch::Tensor difference = input.fake.std() - input.real(/*augmented=*/false).std();
    dgl::GuidanceResult result;
    result.loss = lambda_ * difference.square();
    return result;
  }

 private:
  double lambda_;
};

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: custom_term RECIPE.toml DATA.dgldata TEACHER.safetensors OUT\n");
    return 2;
  }
  try {
    dgl::init_runtime(/*threads=*/0);
    dgl::Recipe recipe = dgl::load_recipe(argv[1]);
    recipe.run.command = "compress";
    recipe.run.data = argv[2];
    recipe.teacher().file = argv[3];

    const dgl::ProcessGroup processes;
    const auto session = dgl::make_session(recipe, processes);
    session->guidance.add(std::make_unique<ContrastTerm>(0.5));

    const auto directory = dgl::RunDirectory::create(argv[4], session->recipe, /*overwrite=*/false);
    const dgl::Evaluator evaluator(*session);
    dgl::Progress progress(/*quiet=*/false);
    dgl::Trainer trainer(*session);
    const dgl::Judges judges(*session, evaluator);
    dgl::RunRecorder recorder(*session, directory, evaluator, judges, progress);
    const dgl::Checkpointer checkpointer(*session);
    const int status = dgl::run_stages(*session, trainer, recorder, checkpointer, directory, progress);
    if (status == 0) recorder.finish();
    return status;
  } catch (const dgl::Error& error) {
    std::fprintf(stderr, "custom_term: %s\n", error.what());
    return 1;
  }
}
