#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/io/checkpoint.h"
#include "core/tensor/matrix.h"
#include "tests/support/temp_folder.h"

namespace qs::test {

/// A weight matrix rounded to 4-bit codes with a zero point and an F16 scale a group: by a few lines of its own, so
/// that packed checkpoints can be made, sound or faulty, without the program's quantizers and exporters.
struct FourBitLayer {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t group = 0;
  std::vector<std::uint8_t> codes;  ///< [rows, cols]
  std::vector<float> scales;        ///< [rows, groups]
  std::vector<std::uint8_t> zeros;  ///< [rows, groups], 1 to 15

  [[nodiscard]] std::size_t groups() const { return cols / group; }
};
[[nodiscard]] FourBitLayer roundToFourBits(const Matrix& weights, std::size_t group);

/// A model folder written tensor by tensor.
class CheckpointBuilder {
 public:
  void add(const std::string& name, const std::string& dtype, const std::vector<std::size_t>& shape,
           const std::string& bytes);
  void addFloats(const std::string& name, const std::vector<std::size_t>& shape, const std::vector<float>& values);
  void addHalves(const std::string& name, const std::vector<std::size_t>& shape, const std::vector<float>& values);
  void addWords(const std::string& name, const std::vector<std::size_t>& shape,
                const std::vector<std::uint32_t>& values);
  /// Writes it as a folder with this config.json (none where null) and opens it.
  [[nodiscard]] std::shared_ptr<const Checkpoint> open(const std::filesystem::path& folder,
                                                       const nlohmann::json& config) const;

 private:
  nlohmann::ordered_json m_header = nlohmann::ordered_json::object();
  std::string m_data;
};

/// The components of GPTQ, version 1: fields run down the inputs, zero points less one.
void addGptqLayer(CheckpointBuilder& builder, const std::string& layer, const FourBitLayer& values);
/// The components of AWQ GEMM: fields along the outputs, interleaved.
void addAwqLayer(CheckpointBuilder& builder, const std::string& layer, const FourBitLayer& values);

}  // namespace qs::test
