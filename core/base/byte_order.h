#pragma once

#include <bit>

namespace qs {

// Every format that is read or written is little-endian, and its numbers are copied as they are.
static_assert(std::endian::native == std::endian::little, "QuantScope is built for little-endian machines only");

}  // namespace qs
