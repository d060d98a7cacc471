#pragma once

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dgl/ops/upfirdn2d.h"

namespace dgl::ops {

/// A resampling of maps of height x width, as functions that are differentiated keep it. They take a Resample as
/// `taps`, shape() and `gain`. Private to this library.
struct SavedResample {
  Resample resample;
  int64_t height = 0, width = 0;

  static std::vector<int64_t> shape(const Resample& r) { return {r.up, r.down, r.pad0, r.pad1}; }
  static Resample of(std::vector<double> taps, const std::vector<int64_t>& shape, double gain) {
    return {std::move(taps), shape[0], shape[1], shape[2], shape[3], gain};
  }

  void save(torch::autograd::AutogradContext* context) const {
    auto& data = context->saved_data;
    data["taps"] = resample.taps;
    data["shape"] = shape(resample);
    data["resample_gain"] = resample.gain;
    data["height"] = height;
    data["width"] = width;
  }
  /// Returns nothing if none was saved.
  static std::optional<SavedResample> load(torch::autograd::AutogradContext* context) {
    const auto& data = context->saved_data;
    if (data.find("taps") == data.end()) return {};
    return SavedResample{
        of(data.at("taps").toDoubleVector(), data.at("shape").toIntVector(), data.at("resample_gain").toDouble()),
        data.at("height").toInt(), data.at("width").toInt()};
  }
};

}  // namespace dgl::ops
