#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/output_file.h"
#include "core/tensor/tensor_info.h"

namespace qs {

/// A tensor that will be written.
struct PlannedTensor {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
};

/// Bytes of a planned tensor. Throws Error (Failed) naming it where the type has no safetensors tag, or its size
/// overflows or is no whole number of bytes.
[[nodiscard]] std::uint64_t plannedBytes(const PlannedTensor& tensor);

/// Writes one safetensors file (formats.md section 2) of tensors that are known beforehand, in any order, streaming:
/// widest dtype first, then by name; header padded with spaces to 8; `format: pt` always in the metadata. The file
/// appears under its name with commit() only.
class SafetensorsWriter {
 public:
  /// Throws Error (Failed) for a plan that breaks a rule of the format (duplicate names, …), Error (Request) where the
  /// file exists and may not be replaced.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan,
                    std::map<std::string, std::string> metadata, bool replace);

  /// The next bytes of a tensor. Thread-safe across tensors; one thread a tensor.
  void append(std::string_view tensor, std::span<const std::byte> bytes);
  /// Throws Error (Failed) naming a tensor that is incomplete, or what `inspect` throws.
  void commit(const OutputFile::Inspect& inspect = {});
  [[nodiscard]] std::uint64_t fileBytes() const { return m_fileBytes; }

 private:
  struct Slot {
    std::uint64_t offset = 0;  ///< of its next byte
    std::uint64_t end = 0;
  };

  std::map<std::string, Slot, std::less<>> m_slots;
  std::uint64_t m_fileBytes = 0;
  std::unique_ptr<OutputFile> m_file;
};

}  // namespace qs
