// Shortcuts of residual blocks that change the resolution. Pixels, in rows of `width`, are those of the result.

// factor * s for 2 x 2 pixels each, + y unless that is null
KERNEL(spread)
(const Element* s, const Element* y, Element* out, int images, int channels, int pixels, int width, float factor) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    Values v = load_upsampled(s, image, Place(i, channels, pixels), channels, pixels, width);
    const Values added = y ? load(y, image * packs + i) : zeros();
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) v.v[k] = v.v[k] * factor + added.v[k];
    store(out, image * packs + i, v);
  });
}

// factor * the sum of 2 x 2 pixels of y, + s unless that is null
KERNEL(gather)
(const Element* y, const Element* s, Element* out, int images, int channels, int pixels, int width, float factor) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    Values v = load_pooled(y, image, Place(i, channels, pixels), channels, pixels, width);
    const Values added = s ? load(s, image * packs + i) : zeros();
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) v.v[k] = v.v[k] * factor + added.v[k];
    store(out, image * packs + i, v);
  });
}
