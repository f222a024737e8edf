#pragma once

#include <filesystem>
#include <vector>

#include "core/io/formats/gguf_file.h"

namespace qs {

/// A model in one GGUF file or in several.
struct GgufModel {
  GgufFile gguf;                             ///< metadata of the first file, tensors of all
  std::vector<std::filesystem::path> files;  ///< in order
};

/// Reads a GGUF file and, where its metadata says that the model is split ("split.count"), the other files of
/// `name-00001-of-00003.gguf` beside it, whichever of them is opened. Throws Error (Input) naming file, key, expected
/// and got where the files don't belong together.
[[nodiscard]] GgufModel readGgufModel(const std::filesystem::path& path);

}  // namespace qs
