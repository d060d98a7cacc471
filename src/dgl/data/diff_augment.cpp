#include "dgl/data/diff_augment.h"

#include <algorithm>
#include <cstdint>

#include "dgl/base/error.h"
#include "dgl/base/torch.h"

namespace dgl {

using torch::Tensor;

namespace {

Tensor change_color(const Tensor& images, const at::Generator& random) {
  const auto uniform = [&] {
    return at::rand({images.size(0), 1, 1, 1}, random, images.options().requires_grad(false));
  };
  Tensor x = images + (uniform() - 0.5);
  const Tensor gray = x.mean(1, /*keepdim=*/true);
  x = (x - gray) * (uniform() * 2) + gray;
  const Tensor level = x.mean({1, 2, 3}, /*keepdim=*/true);
  return (x - level) * (uniform() + 0.5) + level;
}

Tensor translate(const Tensor& images, const at::Generator& random) {
  const int64_t n = images.size(0), channels = images.size(1), size = images.size(2), most = (size + 4) / 8;
  const auto options = images.options().dtype(torch::kLong).requires_grad(false);
  const auto line = [&] { return at::arange(size, options) + at::randint(2 * most + 1, {n, 1}, random, options); };
  const Tensor rows = line(), columns = line(), padded = at::constant_pad_nd(images, {most, most, most, most});
  const Tensor places = rows.unsqueeze(2) * padded.size(3) + columns.unsqueeze(1);
  return padded.flatten(2).gather(2, places.view({n, 1, -1}).expand({-1, channels, -1})).view_as(images);
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
