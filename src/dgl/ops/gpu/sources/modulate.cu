// Products of maps with a number for each image and channel, and their gradients.

// y[n, c, p] = x[n, c, p] * scale[n, c]
KERNEL(channel_scale)(const Element* x, const float* scale, Element* y, int images, int channels, int pixels) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values v = load(x, image * packs + i);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) v.v[k] *= scale[image * channels + place.channel(k)];
    store(y, image * packs + i, v);
  });
}

// The sums over pixels of a * b, and if `y` is not null y = a * scale[n, c]: the gradients of channel_scale for a = its
// output's gradient and b = x.
KERNEL(channel_dot)
(const Element* a, const Element* b, const float* scale, Element* y, float* sums, int channels, int pixels, int tile) {
  const Sweep sweep(channels, pixels, tile);
  Values sum = zeros();
  sweep.for_each_pack([&](int pack, int) {
    Values u = load(a, pack);
    const Values v = load(b, pack);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      sum.v[k] += u.v[k] * v.v[k];
      if (y) u.v[k] *= scale[sweep.image * channels + sweep.channel(k)];
    }
    if (y) store(y, pack, u);
  });
  sweep.write(sum, sums, channels);
}
