// Numbers of torch-fidelity 0.4 on given features; tests/golden/README.md says how the golden file was made.

#include "dgl/base/torch.h"
#include "dgl/formats/safetensors.h"
#include "dgl/metrics/frechet.h"
#include "dgl/metrics/inception_score.h"
#include "dgl/metrics/kid.h"
#include "dgl/metrics/mmd.h"
#include "dgl/metrics/precision_recall.h"
#include "hashed.h"
#include "metrics/feature_statistics.h"
#include "temporary_folder.h"

#include <tuple>

namespace dgl::test {
namespace {

using torch::Tensor;

const char* const kGolden = DGL_SOURCE_DIR "/tests/golden/metrics.safetensors";

class Agreement : public ::testing::TestWithParam<const char*> {};

TEST_P(Agreement, WithTorchFidelityToOneInAHundredThousand) {
  const TensorFile golden = load_safetensors(kGolden);
  const auto get = [&](const char* name) { return golden.at(std::string(GetParam()) + "." + name, kGolden); };
  const Tensor real = get("real"), fake = get("fake"), options = get("options"), expected = get("expected");
  const auto option = [&](int64_t i) { return options[i].item<int64_t>(); };
  const Kid kid = kernel_distance(real, fake, {option(0), option(1)});
  const PrecisionRecall shares = precision_recall(real, fake, 3);
  const InceptionScore score = inception_score(get("logits"), option(2));
  const std::pair<const char*, double> found[] = {{"fid", frechet_distance(statistics(real), statistics(fake))},
                                                  {"kid_mean", kid.mean},
                                                  {"kid_std", kid.deviation},
                                                  {"precision", shares.precision},
                                                  {"recall", shares.recall},
                                                  {"is_mean", score.mean},
                                                  {"is_std", score.deviation}};
  for (int64_t i = 0; i < 7; ++i) {
    const double reference = expected[i].item<double>();
    EXPECT_NEAR(found[i].second, reference, 1e-5 * std::abs(reference)) << found[i].first;
    RecordProperty(found[i].first, fmt::format("{:.2e}", std::abs(found[i].second / reference - 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Metrics, Agreement, ::testing::Values("full", "singular", "far"),
                         [](const auto& info) { return std::string(info.param); });

// What clovaai/generative-evaluation-prdc makes of the same features with 5 neighbors, in float64.
TEST(DensityCoverageAgreement, WithTheAuthorsProgram) {
  const TensorFile golden = load_safetensors(kGolden);
  const std::tuple<const char*, double, double> expected[] = {{"full", 0.04230769230769231, 0.14333333333333334},
                                                              {"singular", 0.8060606060606061, 1.0},
                                                              {"far", 0.13355481727574753, 0.3852140077821012}};
  for (const auto& [name, density, coverage] : expected) {
    const std::string sets = name;
    const DensityCoverage found =
        density_coverage(golden.at(sets + ".real", kGolden), golden.at(sets + ".fake", kGolden));
    EXPECT_NEAR(found.density, density, 1e-12) << name;
    EXPECT_NEAR(found.coverage, coverage, 1e-12) << name;
  }
}

// What compute_authpct of dgm-eval makes of the same features.
TEST(AuthenticityAgreement, WithDgmEval) {
  const TensorFile golden = load_safetensors(kGolden);
  for (const auto& [name, expected] : {std::pair{"full", 100.0}, {"singular", 0.0}, {"far", 92.35880279541016}}) {
    const std::string sets = name;
    const Tensor real = golden.at(sets + ".real", kGolden), fake = golden.at(sets + ".fake", kGolden);
    EXPECT_NEAR(authentic_percentage(real, fake), expected, 1e-5) << name;
    EXPECT_EQ(authentic_percentage(real, real), 0) << name;
  }
}

// What the PyTorch port of CMMD's program, sayakpaul/cmmd-pytorch, makes of the same features in float64.
TEST(MmdAgreement, WithTheProgramOfCmmd) {
  const TensorFile golden = load_safetensors(kGolden);
  for (const auto& [name, expected] :
       {std::pair{"full", 8.98034745878662}, {"singular", 7.14524550328427}, {"far", 75.90238511500979}}) {
    const std::string sets = name;
    const Tensor real = golden.at(sets + ".real", kGolden), fake = golden.at(sets + ".fake", kGolden);
    EXPECT_NEAR(rbf_mmd(real, fake), expected, 1e-10 * expected) << name;
    EXPECT_NEAR(rbf_mmd(real, real), 0, 1e-9);
  }
}

/// Features [n, d] of two kinds whose columns differ in scale and, in the second, hang together.
std::pair<Tensor, Tensor> formula(int64_t n, int64_t d) {
  const Tensor scale = 1 + torch::arange(d, torch::kDouble).remainder(7);
  const Tensor v = hashed_tensor({n, d}, 2);
  return {hashed_tensor({n, d}, 1) * scale, 0.8 * (v + 0.5 * at::roll(v, -1, 1)) * scale + 0.1};
}

double formula_distance(int64_t n, int64_t d) {
  const auto [real, fake] = formula(n, d);
  return frechet_distance(statistics(real), statistics(fake));
}

TEST(FrechetAgreement, ManyDimensions) {
  EXPECT_NEAR(formula_distance(1000, 256), 257.32157617273515, 1e-5 * 257);
  EXPECT_NEAR(formula_distance(100, 256), 1250.1542823072298, 1e-5 * 1250);
}

TEST(FrechetAgreement, AsManyDimensionsAsInceptionHas) {
  EXPECT_NEAR(formula_distance(2500, 2048), 4261.262082643778, 1e-5 * 4261.262082643778);
}

}  // namespace
}  // namespace dgl::test
