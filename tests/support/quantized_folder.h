#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/io/checkpoint.h"
#include "core/io/layouts/packed_tensor.h"
#include "tests/support/temp_folder.h"

namespace qs::test {

/// A model folder made without our writer: the parts of one layer, a norm, and a config.json.
class QuantizedFolder {
 public:
  static constexpr const char* kLayer = "model.layers.0.mlp.up_proj";

  /// `quantization` becomes the config's `quantization_config`.
  explicit QuantizedFolder(nlohmann::json quantization);

  void add(const std::string& name, std::string_view dtype, const Shape& shape, const std::string& bytes);
  /// Parts of the layer, by suffix.
  void add(const PackedTensors& parts);
  /// Leaves a part of the layer out.
  void remove(const std::string& suffix);
  /// A config.json as it stands, in place of the one made.
  void writeConfig(std::string text) { m_configText = std::move(text); }
  /// Writes the files and opens the folder.
  [[nodiscard]] std::shared_ptr<const Checkpoint> open();

  [[nodiscard]] TempFolder& files() { return m_folder; }
  [[nodiscard]] nlohmann::json& config() { return m_config; }

 private:
  TempFolder m_folder;
  nlohmann::json m_config;
  std::string m_configText;
  nlohmann::json m_header = nlohmann::json::object();
  std::string m_data;
  std::string m_dropped;
};

}  // namespace qs::test
