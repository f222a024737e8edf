#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/exporters/export_units.h"

namespace qs {

/// Writes `model.safetensors`, or, above `shardBytes`, `model-00001-of-0000N.safetensors` with their index, as
/// transformers does. A unit's parts stand in one shard.
class ShardedWriter {
 public:
  ShardedWriter(std::filesystem::path folder, std::span<const ExportUnit> units, std::uint64_t shardBytes);

  /// The next bytes of a tensor. Thread-safe across tensors.
  void append(std::string_view tensor, std::span<const std::byte> bytes);
  /// The files get their names, though they are still written, and the index is there.
  void appear();
  /// As OutputFile::place().
  void place();

 private:
  std::filesystem::path m_folder;
  std::vector<std::string> m_names;
  std::vector<std::unique_ptr<SafetensorsWriter>> m_shards;
  std::map<std::string, std::size_t, std::less<>> m_shardOfTensor;
  std::uint64_t m_totalBytes = 0;
  bool m_hasAppeared = false;
};

}  // namespace qs
