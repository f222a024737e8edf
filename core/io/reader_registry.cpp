#include "core/io/reader_registry.h"

#include <array>

#include "core/base/error.h"
#include "core/io/formats/gguf_reader.h"
#include "core/io/formats/hugging_face_folder_reader.h"
#include "core/io/formats/npy_reader.h"
#include "core/io/formats/pytorch_reader.h"
#include "core/io/formats/safetensors_reader.h"

namespace qs {

std::span<const ReaderInfo> allReaders() {
  static const std::array readers{
      ReaderInfo{"hugging-face", "Hugging Face folder", {}, acceptsHuggingFaceFolder, openHuggingFaceFolder},
      ReaderInfo{"safetensors", "safetensors", {".safetensors"}, acceptsSafetensors, openSafetensors},
      ReaderInfo{"gguf", "GGUF", {".gguf"}, acceptsGguf, openGguf},
      ReaderInfo{"pytorch", "PyTorch", {".pt", ".pth", ".bin", ".ckpt"}, acceptsPytorch, openPytorch},
      ReaderInfo{"npz", "NumPy archive", {".npz"}, acceptsNpz, openNpz},
      ReaderInfo{"npy", "NumPy array", {".npy"}, acceptsNpy, openNpy},
  };
  return readers;
}

std::shared_ptr<const Checkpoint> openCheckpoint(const std::filesystem::path& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  if (!std::filesystem::exists(status))
    throw inputError(path.empty() ? "''" : path.string(), failure && status.type() == std::filesystem::file_type::none
                                                              ? "can't be read: " + failure.message()
                                                              : "no such file or folder");
  for (const ReaderInfo& reader : allReaders())
    if (reader.accepts(path)) return reader.open(path);
  if (std::filesystem::is_directory(status))
    throw inputError(path.string(), "the folder holds no model weights that QuantScope reads");
  std::string known;
  for (const ReaderInfo& reader : allReaders())
    for (const std::string& suffix : reader.suffixes) known += (known.empty() ? "" : ", ") + suffix;
  throw inputError(path.string(), "not a known model format (known: a model folder, " + known + ")");
}

}  // namespace qs
