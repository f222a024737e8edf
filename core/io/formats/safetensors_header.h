#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/tensor_info.h"

namespace qs {

inline constexpr std::uint64_t kMaximumSafetensorsHeader = 100'000'000;

/// One tensor of a safetensors file and where it stands.
struct SafetensorsEntry {
  TensorInfo info;
  std::uint64_t begin = 0;  ///< of the data section
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  ///< in data order
  std::map<std::string, std::string> metadata;
};

/// Parses and checks the JSON header of a file whose data section has `dataBytes` bytes, with every rule of the
/// reference reader, and refuses duplicate keys. Throws Error (Input) naming `file`, tensor and
/// field.
[[nodiscard]] SafetensorsHeader parseSafetensorsHeader(std::string_view json, std::uint64_t dataBytes,
                                                       const std::string& file);

}  // namespace qs
