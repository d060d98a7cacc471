#include "dgl/training/classifier_run.h"

#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/process_group.h"
#include "dgl/base/progress.h"
#include "dgl/base/runtime.h"
#include "dgl/families/classifier/classifier.h"
#include "dgl/metrics/train_classifier.h"
#include "dgl/run/run_directory.h"

namespace dgl {

int run_classifier(const Recipe& recipe, const std::filesystem::path& out, bool overwrite, bool quiet) {
  if (LaunchConfig::of_environment())
    fail("a classifier is trained by one process; expected to be started without a launcher");
  const Dataset dataset(recipe.run.data);
  const auto& settings = dynamic_cast<const ClassifierSettings&>(*recipe.network);
  ClassifierOptions options;
  const int64_t classes = settings.classes > 0 ? settings.classes : static_cast<int64_t>(dataset.info().classes.size());
  options.shape = {settings.distance, settings.resolution, settings.img_channels, settings.features, classes};
  options.batch = recipe.batch;
  options.epochs = settings.epochs;
  options.lr = recipe.lr;
  options.seed = static_cast<uint64_t>(recipe.seed);
  options.device = parse_device(recipe.run.device);
  check_classifier_data(dataset, options.shape);
  const RunDirectory directory = RunDirectory::create(out, recipe, overwrite);
  const auto alone = directory.lock();
  Progress progress(quiet);
  const double start = now_seconds();
  const ClassifierResult result = train_classifier(dataset, options, [&](int64_t epoch, double loss, double accuracy) {
    progress.print(fmt::format("epoch {}/{} | {} | loss {:.4f} | held-out accuracy {:.2f} %", epoch, settings.epochs,
                               duration_text(now_seconds() - start), loss, accuracy * 100));
    directory.append_log({{"epoch", epoch},
                          {"kimg", static_cast<double>(epoch * dataset.info().count) / 1000},
                          {"loss", {{"cross_entropy", loss}}},
                          {"accuracy", accuracy}});
  });
  save_classifier(directory.model(), *result.network, result.accuracy);
  progress.print(directory.model().string());
  return 0;
}

}  // namespace dgl
