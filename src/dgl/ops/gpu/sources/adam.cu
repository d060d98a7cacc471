// A step of Adam for several parameters at once (Kingma and Ba 2015, arXiv 1412.6980, algorithm 1), as
// ops/adam_update.h: grids are [blocks, parameters]. Without a gradient (a null pointer) it is zero. All are float32.

constexpr int kParameters = 48;  // of a launch, gpu::kAdamParameters: what fits into its arguments

struct AdamList {
  float *parameters[kParameters], *m[kParameters], *v[kParameters];
  const float* gradients[kParameters];
  long long sizes[kParameters];
};

KERNEL(adam)
(AdamList list, float beta1, float beta2, float rate, float scale, float epsilon, float gradient_scale) {
  float *p = list.parameters[blockIdx.y], *m = list.m[blockIdx.y], *v = list.v[blockIdx.y];
  const float* gradient = list.gradients[blockIdx.y];
  const long long size = list.sizes[blockIdx.y];
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {
    const float g = gradient ? gradient[i] * gradient_scale : 0;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    p[i] -= rate * m[i] / (sqrtf(v[i]) * scale + epsilon);
  }
}
