#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dgl/families/family.h"

namespace dgl {

/// What a recipe says of a classifier, whose last hidden layer serves as features (metrics/classifier.h).
struct ClassifierSettings : FamilySettings {
  int64_t features = 64;        ///< length of the feature vector
  std::string distance = "fd";  ///< name of the Fréchet distance on its features
  int64_t epochs = 10;          ///< passes over the data

  std::unique_ptr<FamilySettings> clone() const override { return std::make_unique<ClassifierSettings>(*this); }
};

/// family = "classifier": a feature network in place of a generative model.
class ClassifierFamily : public Family {
 public:
  std::string name() const override { return "classifier"; }
  std::unique_ptr<FamilySettings> default_settings() const override { return std::make_unique<ClassifierSettings>(); }
  std::vector<ConfigKey> keys(FamilySettings& settings) const override;
  void check(FamilySettings& settings, const std::string& origin) const override;
  bool is_feature_network() const override { return true; }
};

}  // namespace dgl
