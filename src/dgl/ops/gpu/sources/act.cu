// The end of a layer, y = act(x * scale[n, c] + strength * noise[n, p] + bias[c]) * gain with a leaky ReLU, and its
// gradient. `scale` and `noise` may be null; the step between the noises of two images is 0 if they share one.

KERNEL(act)
(const Element* x, const float* scale, const float* bias, const float* noise, int noise_step, const float* strength,
 Element* y, int images, int channels, int pixels, float alpha, float gain) {
  const int packs = channels * pixels / WIDTH;
  const float s = noise ? *strength : 0;
  for_each_pack(images, packs, [&](int image, int i) {
    const Place place(i, channels, pixels);
    Values v = load(x, image * packs + i);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const int c = place.channel(k);
      float t = (scale ? v.v[k] * scale[image * channels + c] : v.v[k]) + bias[c];
      if (noise) t += s * noise[image * noise_step + place.pixel(k)];
      v.v[k] = fmaxf(t, t * alpha) * gain;
    }
    store(y, image * packs + i, v);
  });
}

// g * act'(y): the slope follows from the sign of y.
KERNEL(act_slope)(const Element* g, const Element* y, Element* out, int packs, float alpha, float gain) {
  for_each_pack(1, packs, [&](int, int i) {
    Values d = load(g, i);
    const Values v = load(y, i);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) d.v[k] *= v.v[k] > 0 ? gain : gain * alpha;
    store(out, i, d);
  });
}

// dx = dt * scale with dt = dy * act'(y), and the sums over pixels of dt, of dt * t (t is the argument of the
// activation, which y determines) and of dt * noise, the last two unless their results are null.
KERNEL(act_gradient)
(const Element* dy, const Element* y, const float* scale, const float* noise, int noise_step, Element* dx, float* sums,
 float* dots_t, float* dots_z, int channels, int pixels, int tile, float alpha, float gain) {
  const Sweep sweep(channels, pixels, tile);
  Values sum = zeros(), dot_t = zeros(), dot_z = zeros();
  sweep.for_each_pack([&](int pack, int pixel) {
    Values d = load(dy, pack);
    const Values v = load(y, pack);
#pragma unroll
    for (int k = 0; k < WIDTH; ++k) {
      const float slope = v.v[k] > 0 ? gain : gain * alpha, dt = d.v[k] * slope;
      sum.v[k] += dt;
      if (dots_t) dot_t.v[k] += dt * (v.v[k] / slope);
      if (dots_z) dot_z.v[k] += dt * noise[sweep.image * noise_step + pixel + (CHANNELS_LAST ? 0 : k)];
      d.v[k] = scale ? dt * scale[sweep.image * channels + sweep.channel(k)] : dt;
    }
    store(dx, pack, d);
  });
  sweep.write(sum, sums, channels);
  if (dots_t) sweep.write(dot_t, dots_t, channels);
  if (dots_z) sweep.write(dot_z, dots_z, channels);
}
