#include "tests/support/checkpoint_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "core/io/reader_registry.h"
#include "core/tensor/half.h"
#include "tests/support/safetensors_bytes.h"

namespace qs::test {

namespace {

template <typename T>
std::string bytesOfAll(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<float> byGroup(const FourBitLayer& layer) {
  std::vector<float> scales;
  for (std::size_t g = 0; g < layer.groups(); ++g)
    for (std::size_t o = 0; o < layer.rows; ++o) scales.push_back(layer.scales[o * layer.groups() + g]);
  return scales;
}

}  // namespace

FourBitLayer roundToFourBits(const Matrix& weights, std::size_t group) {
  FourBitLayer layer{.rows = weights.rows(), .cols = weights.cols(), .group = group};
  layer.codes.resize(layer.rows * layer.cols);
  for (std::size_t o = 0; o < layer.rows; ++o)
    for (std::size_t first = 0; first < layer.cols; first += group) {
      const auto part = weights.row(o).subspan(first, group);
      const float low = std::min(*std::ranges::min_element(part), -1e-4F);
      const float high = std::max(*std::ranges::max_element(part), 1e-4F);
      const float scale = halfToFloat(floatToHalf((high - low) / 15.0F));
      const float zero = std::clamp(std::nearbyint(-low / scale), 1.0F, 15.0F);
      for (std::size_t i = 0; i < group; ++i)
        layer.codes[o * layer.cols + first + i] =
            static_cast<std::uint8_t>(std::clamp(std::nearbyint(part[i] / scale) + zero, 0.0F, 15.0F));
      layer.scales.push_back(scale);
      layer.zeros.push_back(static_cast<std::uint8_t>(zero));
    }
  return layer;
}

void CheckpointBuilder::add(const std::string& name, const std::string& dtype, const std::vector<std::size_t>& shape,
                            const std::string& bytes) {
  m_header[name] = {
      {"dtype", dtype}, {"shape", shape}, {"data_offsets", {m_data.size(), m_data.size() + bytes.size()}}};
  m_data += bytes;
}

void CheckpointBuilder::addFloats(const std::string& name, const std::vector<std::size_t>& shape,
                                  const std::vector<float>& values) {
  add(name, "F32", shape, bytesOfAll(values));
}

void CheckpointBuilder::addHalves(const std::string& name, const std::vector<std::size_t>& shape,
                                  const std::vector<float>& values) {
  std::vector<std::uint16_t> halves(values.size());
  std::ranges::transform(values, halves.begin(), floatToHalf);
  add(name, "F16", shape, bytesOfAll(halves));
}

void CheckpointBuilder::addWords(const std::string& name, const std::vector<std::size_t>& shape,
                                 const std::vector<std::uint32_t>& values) {
  add(name, "I32", shape, bytesOfAll(values));
}

std::shared_ptr<const Checkpoint> CheckpointBuilder::open(const std::filesystem::path& folder,
                                                          const nlohmann::json& config) const {
  std::filesystem::create_directories(folder);
  const auto write = [&](const char* name, const std::string& bytes) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  if (!config.is_null()) write("config.json", config.dump());
  write("model.safetensors", safetensorsBytes(m_header.dump(), m_data));
  return openCheckpoint(folder);
}

void addGptqLayer(CheckpointBuilder& builder, const std::string& layer, const FourBitLayer& values) {
  const std::size_t groups = values.groups();
  std::vector<std::uint32_t> words(values.cols / 8 * values.rows);
  std::vector<std::uint32_t> zeros(groups * values.rows / 8);
  std::vector<std::uint32_t> index;
  for (std::size_t o = 0; o < values.rows; ++o) {
    for (std::size_t k = 0; k < values.cols; ++k)
      words[k / 8 * values.rows + o] |= static_cast<std::uint32_t>(values.codes[o * values.cols + k]) << (k % 8 * 4);
    for (std::size_t g = 0; g < groups; ++g)
      zeros[g * (values.rows / 8) + o / 8] |= static_cast<std::uint32_t>((values.zeros[o * groups + g] + 15U) % 16U)
                                              << (o % 8 * 4);
  }
  for (std::size_t k = 0; k < values.cols; ++k) index.push_back(static_cast<std::uint32_t>(k / values.group));
  builder.addWords(layer + ".qweight", {values.cols / 8, values.rows}, words);
  builder.addWords(layer + ".qzeros", {groups, values.rows / 8}, zeros);
  builder.addHalves(layer + ".scales", {groups, values.rows}, byGroup(values));
  builder.addWords(layer + ".g_idx", {values.cols}, index);
}

void addAwqLayer(CheckpointBuilder& builder, const std::string& layer, const FourBitLayer& values) {
  constexpr std::array<unsigned, 8> kNibbleOf{0, 4, 1, 5, 2, 6, 3, 7};
  const std::size_t groups = values.groups();
  const std::size_t wordCols = values.rows / 8;
  std::vector<std::uint32_t> words(values.cols * wordCols);
  std::vector<std::uint32_t> zeros(groups * wordCols);
  for (std::size_t o = 0; o < values.rows; ++o) {
    const unsigned shift = kNibbleOf[o % 8] * 4;
    for (std::size_t k = 0; k < values.cols; ++k)
      words[k * wordCols + o / 8] |= static_cast<std::uint32_t>(values.codes[o * values.cols + k]) << shift;
    for (std::size_t g = 0; g < groups; ++g)
      zeros[g * wordCols + o / 8] |= static_cast<std::uint32_t>(values.zeros[o * groups + g]) << shift;
  }
  builder.addWords(layer + ".qweight", {values.cols, wordCols}, words);
  builder.addWords(layer + ".qzeros", {groups, wordCols}, zeros);
  builder.addHalves(layer + ".scales", {groups, values.rows}, byGroup(values));
}

}  // namespace qs::test
