#include "core/io/strided_tensor.h"

#include "core/base/error.h"
#include "core/io/stored_tensor.h"

namespace qs {

void StridedTensor::read(std::uint64_t first, std::span<float> out) const {
  if (!traits(m_layout.dtype).convertible)
    throw inputError(m_file->path().string(),
                     "dtype " + std::string(name(m_layout.dtype)) + " can't be read as numbers");
  readStrided(m_layout, m_bytes, first, out);
}

std::shared_ptr<const TensorSource> mappedSource(std::shared_ptr<const MappedFile> file, StridedLayout layout,
                                                 std::span<const std::byte> bytes) {
  if (layout.isPlain())
    return std::make_shared<const StoredTensor>(std::move(file), layout.dtype, std::move(layout.shape), bytes);
  return std::make_shared<const StridedTensor>(std::move(file), std::move(layout), bytes);
}

}  // namespace qs
