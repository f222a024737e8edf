#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor/matrix.h"
#include "core/tensor/quantized_tensor.h"
#include "core/tensor/tensor_info.h"

namespace qs {

class GgufMetadata;

/// Where a logical tensor's values come from: plain bytes in a mapped file, or a quantized tensor that is decoded on
/// the way. Thread-safe; nothing is read before it is asked for.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  TensorSource() = default;
  TensorSource(const TensorSource&) = delete;
  TensorSource& operator=(const TensorSource&) = delete;
  TensorSource(TensorSource&&) = delete;
  TensorSource& operator=(TensorSource&&) = delete;

  /// Elements first..first+out.size()-1 (row-major, as if flattened) as F32. Throws Error for a dtype that has no
  /// numbers.
  virtual void read(std::uint64_t first, std::span<float> out) const = 0;
  /// The stored bytes, where the tensor is stored plainly; nothing where it has to be decoded.
  [[nodiscard]] virtual std::optional<TensorView> stored() const = 0;
  /// Copies bytes first..first+out.size()-1 of stored(), of a file of the caller's own that won't be read again soon:
  /// as MappedFile::copyOnce(). False, and nothing is copied, where the tensor isn't stored plainly.
  [[nodiscard]] virtual bool copyOnce(std::uint64_t /*first*/, std::span<std::byte> /*out*/) const { return false; }
  /// The codes and scales, where the tensor is stored quantized in a form that QuantizedTensor holds.
  [[nodiscard]] virtual std::shared_ptr<const QuantizedTensor> quantized() const { return nullptr; }
  /// The same read anew, as copyOnce() reads.
  [[nodiscard]] virtual std::shared_ptr<const QuantizedTensor> quantizedOnce() const { return nullptr; }
  /// How the inputs of this weight matrix are to be quantized, where the file says so (W8A8). Throws Error (Input)
  /// where what it stores of that is damaged.
  [[nodiscard]] virtual std::optional<ActivationScheme> inputs() const { return std::nullopt; }
  /// Tells the system that the tensor will be read soon, so that the disk begins.
  virtual void prefetch() const {}
  /// Tells the system that the pages of the tensor won't be needed soon; reading again is always possible.
  virtual void release() const = 0;
  /// As release(), and takes the pages from the system's cache too, for others to use: where the file is the caller's
  /// own and won't be read again soon.
  virtual void forget() const { release(); }
};

/// One tensor of an opened model.
struct CheckpointTensor {
  TensorInfo info;
  std::shared_ptr<const TensorSource> source;
  std::string file;  ///< file name in which it stands, for messages and the inspector
};

/// An opened model: immutable, memory-mapped, lazy. Opening reads headers, and the zero points of symmetric GPTQ
/// folders. Thread-safe.
class Checkpoint {
 public:
  struct Contents {
    std::filesystem::path path;                   ///< as opened: file or folder
    std::string format;                           ///< "safetensors", "GGUF", …
    std::vector<CheckpointTensor> tensors;        ///< in file order; names are unique
    std::string configJson;                       ///< text of config.json, or one made from GGUF metadata; empty = none
    std::map<std::string, std::string> metadata;  ///< as shown in the model information
    std::vector<std::filesystem::path> files;     ///< data files, in order: what a fingerprint covers
    std::filesystem::path tokenizerFolder;        ///< where tokenizer files lie; empty = none
    std::shared_ptr<const GgufMetadata> gguf;     ///< of a GGUF file: where its tokenizer is; null otherwise
    std::vector<std::string> warnings;            ///< oddities worth showing
  };

  explicit Checkpoint(Contents contents);

  [[nodiscard]] const std::filesystem::path& path() const { return m_contents.path; }
  /// Folder or file name without its ending: how the model is called on screen.
  [[nodiscard]] std::string displayName() const;
  [[nodiscard]] const std::string& format() const { return m_contents.format; }
  [[nodiscard]] std::span<const CheckpointTensor> tensors() const { return m_contents.tensors; }
  [[nodiscard]] const CheckpointTensor* find(std::string_view name) const;
  /// As find; throws Error (Input) naming the file and the tensor.
  [[nodiscard]] const CheckpointTensor& require(std::string_view name) const;
  [[nodiscard]] const Contents& contents() const { return m_contents; }
  /// Values of a tensor as F32. A 2-D tensor [rows, cols]; 1-D tensors are one row; more dimensions fold into rows.
  [[nodiscard]] Matrix load(const CheckpointTensor& tensor) const;

 private:
  Contents m_contents;
  std::map<std::string, std::size_t, std::less<>> m_indexByName;
};

}  // namespace qs
