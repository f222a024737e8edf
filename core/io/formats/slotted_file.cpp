#include "core/io/formats/slotted_file.h"

#include "core/base/error.h"

namespace qs {

bool SlottedFile::reserve(const std::string& tensor, std::uint64_t offset, std::uint64_t bytes) {
  return m_slots.emplace(tensor, Slot{offset, offset + bytes}).second;
}

void SlottedFile::open(const std::filesystem::path& path, std::string_view header, std::uint64_t dataBytes,
                       bool replace) {
  for (auto& [tensor, slot] : m_slots) slot = {slot.offset + header.size(), slot.end + header.size()};
  m_file = std::make_unique<OutputFile>(path, replace, header.size() + dataBytes);
  m_file->writeAt(0, std::as_bytes(std::span(header.data(), header.size())));
  const std::byte last{0};  // gives the file its whole length where nothing was reserved: padding reads as zeros
  if (dataBytes > 0) m_file->writeAt(header.size() + dataBytes - 1, std::span(&last, 1));
}

SlottedFile::Slot& SlottedFile::slotFor(std::string_view tensor, std::uint64_t bytes) {
  const auto position = m_slots.find(tensor);
  if (position == m_slots.end() || bytes > position->second.end - position->second.offset)
    throw failedError(m_file->path().string(), "tensor '" + std::string(tensor) + "' has more bytes than were planned");
  return position->second;
}

void SlottedFile::append(std::string_view tensor, std::span<const std::byte> bytes) {
  Slot& slot = slotFor(tensor, bytes.size());
  m_file->writeAt(slot.offset, bytes);
  slot.offset += bytes.size();
}

void SlottedFile::fill(std::string_view tensor, std::span<const std::byte> bytes) {
  if (!bytes.empty()) m_file->writeAt(slotFor(tensor, bytes.size()).offset, bytes);
}

void SlottedFile::requireComplete() const {
  for (const auto& [tensor, slot] : m_slots)
    if (slot.offset != slot.end)
      throw failedError(m_file->path().string(),
                        "tensor '" + tensor + "' lacks " + std::to_string(slot.end - slot.offset) + " bytes");
}

void SlottedFile::commit(const OutputFile::Inspect& inspect) {
  requireComplete();
  m_file->commit(inspect);
}

void SlottedFile::place() {
  requireComplete();
  m_file->place();
}

}  // namespace qs
