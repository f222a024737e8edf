#include "core/io/stored_tensor.h"

#include <cassert>

#include "core/base/error.h"
#include "core/kernels/convert.h"

namespace qs {

StoredTensor::StoredTensor(std::shared_ptr<const MappedFile> file, DType dtype, Shape shape,
                           std::span<const std::byte> bytes)
    : m_file(std::move(file)), m_dtype(dtype), m_shape(std::move(shape)), m_bytes(bytes) {}

void StoredTensor::read(std::uint64_t first, std::span<float> out) const {
  if (!traits(m_dtype).convertible)
    throw inputError(m_file->path().string(), "dtype " + std::string(name(m_dtype)) + " can't be read as numbers");
  const std::size_t width = static_cast<std::size_t>(traits(m_dtype).bits) / 8;
  assert((first + out.size()) * width <= m_bytes.size());
  widenToFloat(m_dtype, m_bytes.subspan(first * width, out.size() * width), out);
}

std::optional<TensorView> StoredTensor::stored() const { return TensorView{m_dtype, m_shape, m_bytes}; }

bool StoredTensor::copyOnce(std::uint64_t first, std::span<std::byte> out) const {
  m_file->copyOnce(m_bytes.subspan(first, out.size()), out);
  return true;
}

void StoredTensor::prefetch() const { m_file->prefetch(m_bytes); }

void StoredTensor::release() const { m_file->release(m_bytes); }

void StoredTensor::forget() const { m_file->forget(m_bytes); }

}  // namespace qs
