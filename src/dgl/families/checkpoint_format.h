#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dgl/nn/network_set.h"
#include "dgl/nn/tensor_sizes.h"

namespace dgl {

/// Where a network of a checkpoint belongs in a model.
struct SlotRole {
  std::string slot;      ///< "generator", "discriminator", …; "": as the file's name says
  bool average = false;  ///< whether it is the slot's average
};

/// A state dict in a checkpoint of another program.
struct StateDict {
  SlotRole role;
  NamedTensors tensors;
  NamedTensors others;  ///< tensors that the file keeps beside its state dicts ("latent_avg")
  std::string origin;   ///< the file, for messages
  std::string prefix;   ///< of the tensors' names in the file
  /// What config.json beside the file says, for a format that has_settings(), or the arguments by name that a network
  /// in a file of NVIDIA's was made with; null without them.
  nlohmann::json settings{};
};

/// A setting of another program's model that networks here have one value of.
struct RequiredSetting {
  const char* key;
  nlohmann::json value;
  nlohmann::json usual;  ///< what the program takes where settings lack the key
};
/// Throws Error if a state dict has settings and one of these has another value.
void check_settings(const StateDict& dict, const std::vector<RequiredSetting>& required);
/// A whole number from 1 to 65536 among a state dict's settings; `usual` without it. Throws Error for anything else.
int64_t number_setting(const StateDict& dict, const char* key, int64_t usual);

struct ImportOptions {
  std::string from;                 ///< name of the only format to accept; empty: detected
  int64_t minibatch_std_group = 4;  ///< of a StyleGAN2's discriminator, which its tensors do not tell
  int64_t resolution = 0;           ///< of images whose side the tensors do not tell; 0: usual for the format
};

/// Checkpoints of another program: how its networks are recognized by names of their tensors, read and written.
class CheckpointFormat {
 public:
  virtual ~CheckpointFormat() = default;
  /// The name of the program: "stylegan2-pytorch".
  virtual std::string name() const = 0;

  /// A tensor name that only one kind of network of this format has.
  struct Signature {
    std::string tensor, slot;
  };
  virtual std::vector<Signature> signatures() const = 0;
  /// A place where files keep a state dict.
  struct Prefix {
    std::string prefix;  ///< "g_ema."
    SlotRole role;
  };
  virtual std::vector<Prefix> prefixes() const = 0;
  /// Where a state dict belongs whose place in the file does not tell: `slot` is that of its signature, `file` the
  /// file's name. Throws Error for a name that says something else than the tensors do.
  virtual SlotRole role_in_file(const std::string& slot, const std::string& file) const;
  /// Whether networks of a model may be named as in this format and as in `other`, as a program's that reads the
  /// other's.
  virtual bool goes_with(const CheckpointFormat& other) const { return name() == other.name(); }
  /// Names of tensors that stand beside the state dicts and belong to networks.
  virtual std::vector<std::string> other_tensors() const { return {}; }

  /// The network of a state dict. Throws Error in one line that says which tensors are missing and which are unknown.
  virtual std::shared_ptr<Network> import_network(const StateDict& dict, const ImportOptions& options) const = 0;

  /// What import_network() makes up because the program's files may lack it: a sentence each, for the user.
  virtual std::vector<std::string> made_up(const StateDict& dict) const { return {}; }

  /// Whether export_model() is there.
  virtual bool can_export() const { return false; }
  /// A model's networks as the program names and shapes them. Throws Error (naming `origin`) for a network that it
  /// cannot express.
  virtual TensorFile export_model(const NetworkSet& model, const std::string& origin) const;
  /// Whether the program reads a model from a folder, with its settings beside the tensors.
  virtual bool has_settings() const { return false; }
  /// Those settings, for a model that export_model() takes: what stands in the folder's config.json. Throws Error
  /// (naming `origin`) where they need a network that the model lacks.
  virtual nlohmann::json export_settings(const NetworkSet& model, const std::string& origin) const { return nullptr; }
};

/// Throws Error if tensors are missing or left over, and names the first few of each.
void check_names(const StateDict& dict, const std::string& format, const std::vector<std::string>& missing,
                 const std::vector<std::string>& unknown);

/// The name in another program's file of the tensor that a network calls by this one.
using NameInFile = std::function<std::string(const std::string& own)>;

/// Gives `network` these tensors, each exactly once. Their names are its own, or those that `name_in_file` gives.
/// Throws Error as check_names() does, or for a tensor of another shape.
void fill_network(Network& network, const NamedTensors& tensors, const StateDict& dict, const std::string& format,
                  const NameInFile& name_in_file = {});

/// Numbers in all tensors: as many parameters as their network may have.
int64_t count_numbers(const NamedTensors& tensors);

}  // namespace dgl
