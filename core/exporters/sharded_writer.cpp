#include "core/exporters/sharded_writer.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

namespace qs {

namespace {

std::string shardName(std::size_t number, std::size_t count) {
  if (count == 1) return "model.safetensors";
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "model-%05zu-of-%05zu.safetensors", number + 1, count);
  return name.data();
}

std::uint64_t bytesOf(const ExportUnit& unit) {
  std::uint64_t bytes = 0;
  for (const PlannedTensor& part : unit.parts) bytes += plannedBytes(part);
  return bytes;
}

}  // namespace

ShardedWriter::ShardedWriter(std::filesystem::path folder, std::span<const ExportUnit> units, std::uint64_t shardBytes)
    : m_folder(std::move(folder)) {
  std::vector<std::vector<PlannedTensor>> plans(1);
  std::uint64_t filled = 0;
  for (const ExportUnit& unit : units) {
    const std::uint64_t bytes = bytesOf(unit);
    if (filled > 0 && filled + bytes > shardBytes) {
      plans.emplace_back();
      filled = 0;
    }
    filled += bytes;
    m_totalBytes += bytes;
    for (const PlannedTensor& part : unit.parts) {
      plans.back().push_back(part);
      m_shardOfTensor.emplace(part.name, plans.size() - 1);
    }
  }
  for (std::size_t i = 0; i < plans.size(); ++i) {
    m_names.push_back(shardName(i, plans.size()));
    m_shards.push_back(std::make_unique<SafetensorsWriter>(m_folder / m_names.back(), plans[i],
                                                           std::map<std::string, std::string>(), false));
  }
}

void ShardedWriter::append(std::string_view tensor, std::span<const std::byte> bytes) {
  const auto position = m_shardOfTensor.find(tensor);
  m_shards.at(position == m_shardOfTensor.end() ? 0 : position->second)->append(tensor, bytes);
}

void ShardedWriter::place() {
  appear();
  for (const auto& shard : m_shards) shard->place();
}

void ShardedWriter::appear() {
  if (std::exchange(m_hasAppeared, true)) return;
  for (const auto& shard : m_shards) shard->appear();
  if (m_shards.size() == 1) return;
  nlohmann::json weightMap = nlohmann::json::object();
  for (const auto& [tensor, shard] : m_shardOfTensor) weightMap[tensor] = m_names[shard];
  const nlohmann::json index{{"metadata", {{"total_size", m_totalBytes}}}, {"weight_map", weightMap}};
  writeOutputFile(m_folder / "model.safetensors.index.json", index.dump(2) + "\n", false);
}

}  // namespace qs
