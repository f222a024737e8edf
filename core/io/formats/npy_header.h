#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "core/io/strided_layout.h"

namespace qs {

/// Bytes at the beginning of a .npy file that hold any header that is accepted.
inline constexpr std::size_t kLongestNpyHeader = 65536;

/// What a .npy file says of its one array.
struct NpyHeader {
  StridedLayout layout;
  std::uint64_t elements = 0;
  std::uint64_t dataBytes = 0;
  std::uint64_t dataOffset = 0;  ///< of the first element in the file
  bool isBfloat16 = false;       ///< written as 2-byte void, which has no other use for weights
};

/// Parses and checks a header of version 1.0, 2.0 or 3.0 (numpy.lib.format). `head` is the file's beginning: its
/// first kLongestNpyHeader bytes, or all of it. Throws Error (Input) naming `subject` and the field: for Python objects
/// (which would be a pickle), structured types, texts, shapes that overflow.
[[nodiscard]] NpyHeader parseNpyHeader(std::span<const std::byte> head, const std::string& subject);

}  // namespace qs
