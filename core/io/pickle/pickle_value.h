#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qs {

/// A value that a pickle describes. Texts are views into the pickle; containers are nodes of the machine, so that
/// values are small and a container may occur several times, even within itself.
struct PickleValue {
  enum class Kind : std::uint8_t {
    None,
    Bool,     ///< number: 0 or 1
    Integer,  ///< number
    Real,     ///< not kept
    Text,     ///< text
    Bytes,    ///< text
    Tuple,    ///< node
    List,     ///< node; sets too
    Dict,     ///< node: keys and values in turn
    Global,   ///< number: the host's
    Object,   ///< number: the host's, made by a call or a persistent id
  };
  Kind kind = Kind::None;
  std::int64_t number = 0;
  std::string_view text;
  std::size_t node = 0;
};

using PickleNode = std::vector<PickleValue>;

/// "a text", "a tuple": for messages.
[[nodiscard]] std::string_view kindName(PickleValue::Kind kind);

}  // namespace qs
