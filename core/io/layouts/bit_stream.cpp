#include "core/io/layouts/bit_stream.h"

#include "core/kernels/nibbles.h"

namespace qs {

void packFields(std::span<const std::uint8_t> fields, int bits, std::uint32_t* words, std::size_t stride) {
  if (bits == 4 && stride == 1 && fields.size() % 8 == 0)
    return packNibbles(fields, {reinterpret_cast<std::uint8_t*>(words), fields.size() / 2});
  const auto width = static_cast<unsigned>(bits);
  const std::uint32_t mask = (1U << width) - 1U;
  std::uint64_t pending = 0;
  unsigned held = 0;
  for (const std::uint8_t field : fields) {
    pending |= static_cast<std::uint64_t>(field & mask) << held;
    held += width;
    if (held >= 32) {
      *words = static_cast<std::uint32_t>(pending);
      words += stride;
      pending >>= 32U;
      held -= 32;
    }
  }
  if (held > 0) *words = static_cast<std::uint32_t>(pending);
}

void unpackFields(const std::uint32_t* words, std::size_t stride, int bits, std::span<std::uint8_t> fields) {
  if (bits == 4 && stride == 1 && fields.size() % 8 == 0)
    return unpackNibbles({reinterpret_cast<const std::uint8_t*>(words), fields.size() / 2}, false, fields);
  const auto width = static_cast<unsigned>(bits);
  const std::uint32_t mask = (1U << width) - 1U;
  std::uint64_t pending = 0;
  unsigned held = 0;
  for (std::uint8_t& field : fields) {
    if (held < width) {
      pending |= static_cast<std::uint64_t>(*words) << held;
      words += stride;
      held += 32;
    }
    field = static_cast<std::uint8_t>(pending & mask);
    pending >>= width;
    held -= width;
  }
}

}  // namespace qs
