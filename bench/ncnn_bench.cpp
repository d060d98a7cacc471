// The 3x3 convolutions of a StyleGAN2's generator in ncnn, in a chain and nothing else: what it would take there at the
// least, beside "a sample" of `dgl bench`. ncnn's converter of ONNX takes neither a StyleGAN2's nor a BigGAN's file.
//   cmake --preset release -DDGL_BENCH=ON -Dncnn_DIR=FOLDER && cmake --build build --target bench_ncnn
//   build/bench_ncnn RESOLUTION CHANNEL_BASE CHANNEL_MAX [THREADS [fp32|bf16]]
#include <net.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The text of ncnn's .param and the numbers of its .bin, filled layer by layer.
struct Chain {
  void add(const std::string& type, const std::string& parameters) {
    const std::string from = layers == 0 ? "" : std::to_string(layers - 1);
    text += type + " l" + std::to_string(layers) + (layers == 0 ? " 0 1 " : " 1 1 " + from + " ") +
            std::to_string(layers) + " " + parameters + "\n";
    ++layers;
  }
  void add_weights(int count) {
    numbers.push_back(0);  // a flag of four bytes: what follows is float32
    for (int i = 0; i < count; ++i) numbers.push_back(0.02f * static_cast<float>(i % 7 - 3));
  }
  std::string text;
  std::vector<float> numbers;
  int layers = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_ncnn RESOLUTION CHANNEL_BASE CHANNEL_MAX [THREADS [fp32|bf16]]\n");
    return 1;
  }
  const int resolution = std::atoi(argv[1]), base = std::atoi(argv[2]), most = std::atoi(argv[3]);
  const auto channels = [&](int r) { return std::min(base / r, most); };
  Chain chain;
  chain.add("Input", "");
  const auto convolve = [&](const char* type, int in, int out, const std::string& more) {
    chain.add(type, "0=" + std::to_string(out) + " 1=3 6=" + std::to_string(9 * in * out) + " " + more);
    chain.add_weights(9 * in * out);
  };
  convolve("Convolution", channels(4), channels(4), "4=1");
  for (int r = 8; r <= resolution; r *= 2) {
    convolve("Deconvolution", channels(r / 2), channels(r), "3=2");
    chain.add("Crop", "3=" + std::to_string(r) + " 4=" + std::to_string(r));
    convolve("Convolution", channels(r), channels(r), "4=1");
  }
  chain.text = "7767517\n" + std::to_string(chain.layers) + " " + std::to_string(chain.layers) + "\n" + chain.text;

  ncnn::Net net;
  net.opt.num_threads = argc > 4 ? std::atoi(argv[4]) : 1;
  net.opt.use_bf16_storage = argc > 5 && std::string(argv[5]) == "bf16";
  if (net.load_param_mem(chain.text.c_str()) != 0 ||
      net.load_model(reinterpret_cast<const unsigned char*>(chain.numbers.data())) == 0) {
    std::fprintf(stderr, "bench_ncnn: ncnn does not load the chain\n");
    return 1;
  }
  ncnn::Mat in(4, 4, channels(4));
  in.fill(1.0f);
  std::vector<double> seconds;
  const double start = now_seconds();
  while (seconds.size() < 5 || now_seconds() - start < 1.5) {
    const double before = now_seconds();
    ncnn::Extractor extractor = net.create_extractor();
    ncnn::Mat out;
    if (extractor.input("0", in) != 0 || extractor.extract(std::to_string(chain.layers - 1).c_str(), out) != 0 ||
        out.w != resolution || out.h != resolution || out.c != channels(resolution)) {
      std::fprintf(stderr, "bench_ncnn: ncnn does not run the chain\n");
      return 1;
    }
    seconds.push_back(now_seconds() - before);
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<long>(seconds.size() / 2), seconds.end());
  std::printf("%.4g ms\n", 1e3 * seconds[seconds.size() / 2]);
}
