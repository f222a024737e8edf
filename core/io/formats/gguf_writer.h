#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "core/io/formats/gguf_pairs.h"
#include "core/io/formats/safetensors_writer.h"

namespace qs {

/// Writes one GGUF file of version 3 of tensors that are known beforehand, in their order,
/// streaming: shapes as PyTorch has them, every tensor padded to 32 bytes. The file appears under its name with
/// commit() only.
class GgufWriter {
 public:
  /// Throws Error (Failed) naming a tensor that breaks a rule of the format (name longer than 63 bytes, more than four
  /// dimensions, a type that GGUF has not, rows that are no whole blocks, a name that occurs twice), Error (Request)
  /// where the file exists and may not be replaced.
  GgufWriter(const std::filesystem::path& path, std::span<const PlannedTensor> plan, const GgufPairs& metadata,
             bool replace);

  /// As SlottedFile.
  void append(std::string_view tensor, std::span<const std::byte> bytes) { m_file.append(tensor, bytes); }
  void commit(const OutputFile::Inspect& inspect = {}) { m_file.commit(inspect); }

 private:
  SlottedFile m_file;
};

}  // namespace qs
