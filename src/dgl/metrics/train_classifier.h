#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "dgl/base/torch.h"
#include "dgl/metrics/classifier.h"

namespace dgl {

struct ClassifierOptions {
  ClassifierShape shape;
  int64_t batch = 64;
  int64_t epochs = 10;
  double lr = 0.002;
  uint64_t seed = 0;
  torch::Device device = torch::kCPU;
};

struct ClassifierResult {
  std::shared_ptr<Classifier> network;
  double accuracy = 0;  ///< accuracy on the held-out tenth
};

/// Progress callback, called after every epoch. May be empty.
using ClassifierProgress = std::function<void(int64_t epoch, double loss, double accuracy)>;

/// Throws Error if a classifier of this shape cannot be trained on the set: it has no labels, its images or labels do
/// not match the shape, or it has too few images.
void check_classifier_data(const Dataset& dataset, const ClassifierShape& shape);

/// Trains a classifier on a labeled set: cross-entropy, Adam with cosine decay, small random rotations, scalings and
/// shifts. Every tenth image (by index) is held out for testing. Reproducible for a given seed and number of threads.
/// Throws Error as check_classifier_data() does.
ClassifierResult train_classifier(const Dataset& dataset, const ClassifierOptions& options,
                                  const ClassifierProgress& progress);

}  // namespace dgl
