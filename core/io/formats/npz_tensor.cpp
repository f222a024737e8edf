#include "core/io/formats/npz_tensor.h"

#include "core/base/error.h"

namespace qs {

void NpzTensor::read(std::uint64_t first, std::span<float> out) const {
  if (!traits(m_header.layout.dtype).convertible)
    throw inputError(m_archive->subject(m_member),
                     "dtype " + std::string(name(m_header.layout.dtype)) + " can't be read as numbers");
  std::shared_ptr<const std::vector<std::byte>> inflated;
  readStrided(m_header.layout, data(inflated), first, out);
}

std::optional<TensorView> NpzTensor::stored() const {
  if (!m_member.isStored || !m_header.layout.isPlain()) return std::nullopt;
  std::shared_ptr<const std::vector<std::byte>> inflated;
  return TensorView{m_header.layout.dtype, m_header.layout.shape, data(inflated)};
}

void NpzTensor::release() const {
  m_archive->file()->release(m_member.bytes);
  const std::lock_guard lock(m_mutex);
  m_inflated.reset();
}

std::span<const std::byte> NpzTensor::data(std::shared_ptr<const std::vector<std::byte>>& inflated) const {
  const std::lock_guard lock(m_mutex);
  if (m_member.isStored) {
    if (!m_isIntact) m_archive->requireIntact(m_member);
    m_isIntact = true;
    return m_member.bytes.subspan(m_header.dataOffset);
  }
  if (m_inflated == nullptr) m_inflated = std::make_shared<const std::vector<std::byte>>(m_archive->contents(m_member));
  inflated = m_inflated;
  return std::span(*inflated).subspan(m_header.dataOffset);
}

}  // namespace qs
