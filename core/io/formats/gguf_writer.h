#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/formats/gguf_pairs.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/io/output_file.h"

namespace qs {

/// Writes one GGUF file of version 3 (formats.md section 8) of tensors that are known beforehand, in their order,
/// streaming: shapes as PyTorch has them, every tensor padded to 32 bytes. The file appears under its name with
/// commit() only.
class GgufWriter {
 public:
  /// Throws Error (Failed) naming a tensor that breaks a rule of the format (name longer than 63 bytes, more than four
  /// dimensions, a type that GGUF has not, rows that are no whole blocks, a name that occurs twice), Error (Request)
  /// where the file exists and may not be replaced.
  GgufWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan, const GgufPairs& metadata,
             bool replace);

  /// The next bytes of a tensor. Thread-safe across tensors; one thread a tensor.
  void append(std::string_view tensor, std::span<const std::byte> bytes);
  /// Throws Error (Failed) naming a tensor that is incomplete, or what `inspect` throws.
  void commit(const OutputFile::Inspect& inspect = {});

 private:
  struct Slot {
    std::uint64_t offset = 0;  ///< of its next byte
    std::uint64_t end = 0;
  };

  std::map<std::string, Slot, std::less<>> m_slots;
  std::unique_ptr<OutputFile> m_file;
};

}  // namespace qs
