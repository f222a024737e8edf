#include "tests/support/golden.h"

#include <cstring>
#include <fstream>
#include <stdexcept>

#include "core/quant/output_error.h"
#include "core/tensor/half.h"
#include "tests/support/method_run.h"
#include "tests/support/project_paths.h"

namespace qs::test {

namespace {

template <typename T>
std::vector<T> valuesOf(const std::vector<std::uint8_t>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

std::vector<float> GoldenTensor::floats() const {
  if (dtype == "F32") return valuesOf<float>(bytes);
  std::vector<float> result;
  if (dtype == "F16")
    for (const auto bits : valuesOf<std::uint16_t>(bytes)) result.push_back(halfToFloat(bits));
  else if (dtype == "BF16")
    for (const auto bits : valuesOf<std::uint16_t>(bytes)) result.push_back(bfloat16ToFloat(bits));
  else if (dtype == "I8")
    for (const auto value : valuesOf<std::int8_t>(bytes)) result.push_back(static_cast<float>(value));
  else if (dtype == "U8")
    for (const auto value : bytes) result.push_back(static_cast<float>(value));
  else
    throw std::runtime_error("golden data: unexpected dtype " + dtype);
  return result;
}

Matrix GoldenTensor::matrix() const {
  const std::vector<float> values = floats();
  return {shape.at(0), shape.at(1), {values.begin(), values.end()}};
}

Golden::Golden(const std::string& folder) {
  std::ifstream(folder + "/expected.json") >> m_expected;
  for (const char* file :
       {"weights", "activations", "edge_weights", "edge_activations", "nonfinite_weights", "expected"})
    read(folder + "/" + file + ".safetensors");
}

void Golden::read(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error("golden data: can't read " + file);
  std::uint64_t length = 0;
  stream.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, ' ');
  stream.read(header.data(), static_cast<std::streamsize>(length));
  const auto entries = nlohmann::json::parse(header);
  for (const auto& [name, entry] : entries.items()) {
    if (name == "__metadata__") continue;
    GoldenTensor tensor{.dtype = entry["dtype"], .shape = entry["shape"]};
    const std::uint64_t first = entry["data_offsets"][0];
    const std::uint64_t last = entry["data_offsets"][1];
    tensor.bytes.resize(last - first);
    stream.seekg(static_cast<std::streamoff>(8 + length + first));
    stream.read(reinterpret_cast<char*>(tensor.bytes.data()), static_cast<std::streamsize>(last - first));
    m_tensors.emplace(name, std::move(tensor));
  }
}

const GoldenTensor& Golden::tensor(const std::string& name) const {
  const auto found = m_tensors.find(name);
  if (found == m_tensors.end()) throw std::runtime_error("golden data: no tensor " + name);
  return found->second;
}

const Golden& golden() {
  static const Golden data(dataFolder() / "golden");
  return data;
}

const ActivationStats& goldenStats(const std::string& layer) {
  static std::map<std::string, ActivationStats> cache;
  auto found = cache.find(layer);
  if (found == cache.end()) found = cache.emplace(layer, statsOf(golden().inputs(layer))).first;
  return found->second;
}

double goldenOutputError(const QuantizedTensor& tensor, const std::string& layer) {
  return outputErrorOverRows(tensor, golden().weights(layer).view(), golden().inputs(layer).view(), {}).relative();
}

}  // namespace qs::test
