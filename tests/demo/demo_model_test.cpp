#include "dgl/demo/demo_model.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/families/model_file.h"

namespace dgl {
namespace {

std::string asset(const std::string& name) { return std::string(DGL_SOURCE_DIR) + "/assets/" + name + ".safetensors"; }

DemoModel demo_of(const std::string& name, const SolverChoice& solver = {}) {
  return demo_model(load_model(asset(name)), solver, name);
}

std::vector<std::string> graph_names(const DemoModel& model) {
  std::vector<std::string> names;
  for (const DemoGraph& graph : model.graphs) names.push_back(graph.name);
  return names;
}

TEST(DemoModel, OfAStyleGan2MakesStylesFirst) {
  const DemoModel model = demo_of("mnist32-teacher");
  EXPECT_EQ(graph_names(model), (std::vector<std::string>{"styles", "styled_images"}));
  const nlohmann::json& draw = model.facts["draw"];
  EXPECT_EQ(draw["truncation"], "styles");
  EXPECT_EQ(draw["image"], (std::vector<int64_t>{1, 32, 32}));
  EXPECT_EQ(draw["sides"], (std::vector<int64_t>{4, 8, 8, 16, 16, 32, 32, 32}));
  EXPECT_EQ(draw["mean"].size(), draw["latents"][0].get<size_t>());
  EXPECT_EQ(draw["params"], 263531);
  EXPECT_TRUE(model.facts["maps"].empty());
}

TEST(DemoModel, OfABigGanScalesItsLatents) {
  const DemoModel model = demo_of("emoji32-biggan-teacher");
  EXPECT_EQ(graph_names(model), (std::vector<std::string>{"images"}));
  EXPECT_EQ(model.facts["draw"]["truncation"], "latents");
  EXPECT_EQ(model.facts["draw"]["classes"], 9);
}

TEST(DemoModel, OfACycleGanTranslatesBothWays) {
  const DemoModel model = demo_of("digits32-outlines-teacher");
  EXPECT_TRUE(model.facts["draw"].is_null());
  ASSERT_EQ(model.facts["maps"].size(), 2u);
  EXPECT_EQ(model.facts["maps"][1]["graph"], "b_to_a");
  EXPECT_EQ(model.facts["maps"][1]["domain"], 1);
  EXPECT_EQ(graph_names(model), (std::vector<std::string>{"a_to_b", "b_to_a"}));
}

TEST(DemoModel, RefusesWhatMakesNoImages) {
  NetworkSet judge;
  judge.add(load_model(asset("mnist32-teacher")).at("discriminator", "the teacher"));
  EXPECT_THROW(demo_model(judge, {}, "a discriminator"), Error);
  EXPECT_THROW(demo_of("mnist32-teacher", {"euler", 2}), Error);
  EXPECT_THROW(demo_of("digits32-outlines-teacher", {"euler", 2}), Error);
}

}  // namespace
}  // namespace dgl
