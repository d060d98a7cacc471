#pragma once

#include <functional>
#include <memory>

#include "metrics/classifier.h"

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
  double accuracy = 0;  ///< on the held-out tenth
};

/// Told after every epoch; may be empty.
using ClassifierProgress = std::function<void(int64_t epoch, double loss, double accuracy)>;

/// Trains a classifier on a labelled set: cross-entropy, Adam with cosine decay, small random rotations, scalings and
/// shifts. Every tenth image (by index) is held out and only tested on. Repeatable for a seed and number of threads.
/// Error if the set has no labels, or other images or labels than the shape.
ClassifierResult train_classifier(const Dataset& dataset, const ClassifierOptions& options,
                                  const ClassifierProgress& progress);

}  // namespace dgl
