#include "data/diff_augment.h"

#include "base/error.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor change_color(const Tensor& images, const at::Generator& random) {
  const auto uniform = [&] { return at::rand({images.size(0), 1, 1, 1}, random, images.options().requires_grad(false)); };
  Tensor x = images + (uniform() - 0.5);
  const Tensor grey = x.mean(1, /*keepdim=*/true);
  x = (x - grey) * (uniform() * 2) + grey;
  const Tensor level = x.mean({1, 2, 3}, /*keepdim=*/true);
  return (x - level) * (uniform() + 0.5) + level;
}

/// Whole numbers in 0 … below - 1, one for each image, on the CPU.
std::vector<int64_t> draw(int64_t count, int64_t below, const Tensor& images, const at::Generator& random) {
  const Tensor drawn = at::randint(below, {count}, random, images.options().dtype(torch::kLong).requires_grad(false)).cpu();
  return {drawn.data_ptr<int64_t>(), drawn.data_ptr<int64_t>() + count};
}

Tensor translate(const Tensor& images, const at::Generator& random) {
  const int64_t n = images.size(0), size = images.size(2), most = (size + 4) / 8;
  const auto down = draw(n, 2 * most + 1, images, random), right = draw(n, 2 * most + 1, images, random);
  const Tensor padded = at::constant_pad_nd(images, {most, most, most, most});
  std::vector<Tensor> moved;
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<size_t>(i);
    moved.push_back(padded[i].narrow(1, down[at], size).narrow(2, right[at], size));
  }
  return at::stack(moved);
}

Tensor cut_out(const Tensor& images, const at::Generator& random) {
  const int64_t n = images.size(0), size = images.size(2), side = (size + 1) / 2, places = size + 1 - side % 2;
  const Tensor line = at::arange(size, images.options().dtype(torch::kLong).requires_grad(false));
  const auto inside = [&] {
    const Tensor first = at::randint(places, {n, 1}, random, line.options()) - side / 2;
    return at::logical_and(line >= first, line < first + side);
  };
  const Tensor rows = inside(), columns = inside();
  const Tensor hole = at::logical_and(rows.view({n, 1, size, 1}), columns.view({n, 1, 1, size}));
  return images * at::logical_not(hole).to(images.dtype());
}

}  // namespace

DiffAugment DiffAugment::parse(const std::string& text, const std::string& key) {
  DiffAugment augment;
  for (size_t start = 0; start < text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    const std::string word = text.substr(start, comma - start);
    if (word == "color") {
      augment.color = true;
    } else if (word == "translation") {
      augment.translation = true;
    } else if (word == "cutout") {
      augment.cutout = true;
    } else {
      fail("{} = \"{}\": expected color, translation and cutout, or some of them, with commas between", key, text);
    }
    start = comma + 1;
  }
  return augment;
}

Tensor DiffAugment::operator()(const Tensor& images, const at::Generator& random, double p) const {
  Tensor x = images;
  const auto apply = [&](bool wanted, const auto& change) {
    if (!wanted || p <= 0) return;
    const Tensor changed = change(x, random);
    if (p >= 1) {
      x = changed;
      return;
    }
    const auto options = x.options().requires_grad(false);
    x = at::where(at::rand({x.size(0), 1, 1, 1}, random, options) < p, changed, x);
  };
  apply(color, change_color);
  apply(translation, translate);
  apply(cutout, cut_out);
  return x;
}

}  // namespace dgl
