#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/formats/slotted_file.h"
#include "core/tensor/tensor_info.h"

namespace qs {

/// A tensor that will be written.
struct PlannedTensor {
  std::string name;
  DType dtype = DType::F32;
  Shape shape;
  std::vector<std::byte> contents = {};  ///< of a small tensor that is known beforehand; empty otherwise

  bool operator==(const PlannedTensor&) const = default;
};

/// Bytes of a planned tensor. Throws Error (Failed) naming it where the type has no safetensors tag, or its size
/// overflows or is no whole number of bytes.
[[nodiscard]] std::uint64_t plannedBytes(const PlannedTensor& tensor);

/// Writes one safetensors file of tensors that are known beforehand, in any order, streaming:
/// widest dtype first, then by name; header padded with spaces, so that large tensors stand on whole blocks of the disk
/// where their sizes allow it; `format: pt` always in the metadata. Contents that are known beforehand are there at
/// once, and may be appended like any other. The file appears under its name with commit() or appear().
class SafetensorsWriter {
 public:
  /// Throws Error (Failed) for a plan that breaks a rule of the format (duplicate names, …), Error (Request) where the
  /// file exists and may not be replaced.
  SafetensorsWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan,
                    std::map<std::string, std::string> metadata, bool replace);

  /// As SlottedFile.
  void append(std::string_view tensor, std::span<const std::byte> bytes) { m_file.append(tensor, bytes); }
  void commit(const OutputFile::Inspect& inspect = {}) { m_file.commit(inspect); }
  void appear() { m_file.appear(); }
  void place() { m_file.place(); }
  [[nodiscard]] std::uint64_t fileBytes() const { return m_fileBytes; }

 private:
  std::uint64_t m_fileBytes = 0;
  SlottedFile m_file;
};

}  // namespace qs
