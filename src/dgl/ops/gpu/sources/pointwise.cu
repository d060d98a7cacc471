// Convolutions of 1 x 1 to and from the few channels of an image, with weights for each image or for all (a step of 0
// between two images'). A pack is of the maps of many channels.

constexpr int kFew = 4;

// y[n, o, p] = sum over k of x[n, k, p] * w[n, k, o] for `few` channels of x, + added unless that is null
KERNEL(expand)
(const Element* x, const float* w, int w_step, const Element* added, Element* y, int images, int few, int channels,
 int pixels) {
  const int packs = channels * pixels / WIDTH;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values sum = added ? load(added, image * packs + i) : zeros();
    for (int j = 0; j < few; ++j) {
#pragma unroll
      for (int k = 0; k < WIDTH; ++k) {
        sum.v[k] += widened(x[index_of(image, j, place.pixel(k), few, pixels)]) *
                    w[image * w_step + j * channels + place.channel(k)];
      }
    }
    store(y, image * packs + i, sum);
  });
}

// y[n, j, p] = sum over c of x[n, c, p] * w[n, j, c] for `few` channels of y. A thread takes a pixel, or as many pixels
// as a pack holds.
KERNEL(contract)
(const Element* x, const float* w, int w_step, const Element* /*added*/, Element* y, int images, int few, int channels,
 int pixels) {
  const int units = CHANNELS_LAST ? pixels : pixels / WIDTH;
  for_each_pack(images, units, [&](int image, int unit) {
    Values sums[kFew];
#pragma unroll
    for (int j = 0; j < kFew; ++j) sums[j] = zeros();
#if CHANNELS_LAST
    for (int c = 0; c < channels; c += WIDTH) {
      const Values v = load(x, ((image * pixels + unit) * channels + c) / WIDTH);
#pragma unroll
      for (int j = 0; j < kFew; ++j) {
        if (j < few) {
#pragma unroll
          for (int k = 0; k < WIDTH; ++k) sums[j].v[0] += v.v[k] * w[image * w_step + j * channels + c + k];
        }
      }
    }
#pragma unroll
    for (int j = 0; j < kFew; ++j) {
      if (j < few) y[(image * pixels + unit) * few + j] = narrowed(sums[j].v[0]);
    }
#else
    for (int c = 0; c < channels; ++c) {
      const Values v = load(x, (image * channels + c) * units + unit);
#pragma unroll
      for (int j = 0; j < kFew; ++j) {
        const float weight = j < few ? w[image * w_step + j * channels + c] : 0;
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) sums[j].v[k] += v.v[k] * weight;
      }
    }
#pragma unroll
    for (int j = 0; j < kFew; ++j) {
      if (j < few) store(y, (image * few + j) * units + unit, sums[j]);
    }
#endif
  });
}

// The sums over pixels of a[n, j, p] * b[n, c, p], for `few` channels j of a: [few, images, slices, channels].
KERNEL(outer)
(const Element* a, const Element* b, float* sums, int images, int few, int channels, int pixels, int tile) {
  const Sweep sweep(channels, pixels, tile);
  Values totals[kFew];
#pragma unroll
  for (int j = 0; j < kFew; ++j) totals[j] = zeros();
  sweep.for_each_pack([&](int pack, int pixel) {
    const Values v = load(b, pack);
#pragma unroll
    for (int j = 0; j < kFew; ++j) {
      if (j < few) {
#pragma unroll
        for (int k = 0; k < WIDTH; ++k) {
          totals[j].v[k] += v.v[k] * widened(a[index_of(sweep.image, j, pixel + (CHANNELS_LAST ? 0 : k), few, pixels)]);
        }
      }
    }
  });
#pragma unroll
  for (int j = 0; j < kFew; ++j) {
    if (j < few) sweep.write(totals[j], sums + j * images * gridDim.y * channels, channels);
  }
}
