#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/io/formats/gguf_metadata.h"
#include "core/io/mapped_file.h"
#include "core/tensor/tensor_info.h"

namespace qs {

/// One tensor as a GGUF file lists it; the shape is turned round to PyTorch's order.
struct GgufTensor {
  TensorInfo info;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;  ///< in which it stands
};

/// A GGUF file's header: everything checked, nothing of the data read.
struct GgufFile {
  std::shared_ptr<const MappedFile> file;
  std::uint32_t version = 3;
  std::shared_ptr<const GgufMetadata> metadata;
  std::vector<GgufTensor> tensors;
};

/// Type of a tensor by its number in the file, or nothing for numbers that aren't supported.
[[nodiscard]] std::optional<DType> dtypeFromGgmlId(std::uint32_t id);
/// The number of a type in GGUF files; nothing for types that GGUF does not have.
[[nodiscard]] std::optional<std::uint32_t> ggmlId(DType type);

/// Maps a file and reads its header by every rule of GGUF's specification. Throws Error (Input) naming file, tensor or
/// key, field, expected and got.
[[nodiscard]] GgufFile readGgufFile(const std::filesystem::path& path);

}  // namespace qs
