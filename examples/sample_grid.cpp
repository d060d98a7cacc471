// Loads a model and writes a grid of 64 of its images:  sample_grid MODEL.safetensors GRID.png
#include <dgl/base/error.h>
#include <dgl/families/model_file.h>
#include <dgl/nn/sampling.h>
#include <dgl/report/image_grid.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: sample_grid MODEL.safetensors GRID.png\n");
    return 2;
  }
  try {
    const dgl::NetworkSet model = dgl::load_model(argv[1]);
    const auto sampler = dgl::sampler_of(model, argv[1]);
    dgl::DrawOptions options;
    options.count = 64;
    options.seed = 1;
    const dgl::Condition condition = dgl::draw_condition(sampler->spec(), options);
    dgl::write_grid(argv[2], dgl::sample_images(*sampler, condition, options), /*columns=*/8);
    return 0;
  } catch (const dgl::Error& error) {
    std::fprintf(stderr, "sample_grid: %s\n", error.what());
    return 1;
  }
}
