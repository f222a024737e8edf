#pragma once

#include <memory>
#include <span>

#include "core/io/checkpoint.h"
#include "core/io/mapped_file.h"

namespace qs {

/// A tensor that stands plainly in a mapped file, misaligned or not.
class StoredTensor final : public TensorSource {
 public:
  /// `bytes` lies in `file` and holds exactly the elements of `shape`.
  StoredTensor(std::shared_ptr<const MappedFile> file, DType dtype, Shape shape, std::span<const std::byte> bytes);

  void read(std::uint64_t first, std::span<float> out) const override;
  [[nodiscard]] std::optional<TensorView> stored() const override;
  [[nodiscard]] bool copyOnce(std::uint64_t first, std::span<std::byte> out) const override;
  void prefetch() const override;
  void release() const override;
  void forget() const override;

 private:
  std::shared_ptr<const MappedFile> m_file;
  DType m_dtype;
  Shape m_shape;
  std::span<const std::byte> m_bytes;
};

}  // namespace qs
