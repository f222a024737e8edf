#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/tensor/shape.h"

namespace qs {

/// The Python dictionary in the header of a .npy file.
struct NpyLiteral {
  std::optional<std::string> descr;
  std::optional<bool> fortranOrder;
  std::optional<Shape> shape;
};

/// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`: keys in any order and once each, either
/// quotes, commas as Python takes them, only blanks behind it. Throws Error (Input) naming `subject` and where.
[[nodiscard]] NpyLiteral parseNpyLiteral(std::string_view text, const std::string& subject);

}  // namespace qs
