#pragma once

#include <memory>
#include <span>

#include "core/io/checkpoint.h"
#include "core/io/mapped_file.h"
#include "core/io/strided_layout.h"

namespace qs {

/// A view into a mapped file that is not row-major, or in the other byte order.
class StridedTensor final : public TensorSource {
 public:
  /// `bytes` lies in `file` and holds the layout's extent.
  StridedTensor(std::shared_ptr<const MappedFile> file, StridedLayout layout, std::span<const std::byte> bytes)
      : m_file(std::move(file)), m_layout(std::move(layout)), m_bytes(bytes) {}

  void read(std::uint64_t first, std::span<float> out) const override;
  [[nodiscard]] std::optional<TensorView> stored() const override { return std::nullopt; }
  void release() const override { m_file->release(m_bytes); }

 private:
  std::shared_ptr<const MappedFile> m_file;
  StridedLayout m_layout;
  std::span<const std::byte> m_bytes;
};

/// The source of a layout's elements: a StoredTensor where they stand plainly, else a StridedTensor.
[[nodiscard]] std::shared_ptr<const TensorSource> mappedSource(std::shared_ptr<const MappedFile> file,
                                                               StridedLayout layout, std::span<const std::byte> bytes);

}  // namespace qs
