#pragma once

#include <string>
#include <vector>

#include "core/io/importers/name_pattern.h"

namespace qs {

/// The layers that a quantized checkpoint's configuration says stay unquantized (`ignore`, `modules_to_not_convert`,
/// `dynamic` and their like). Immutable, thread-safe; hostile expressions are bounded in time and memory.
class UnquantizedLayers {
 public:
  /// `configJson` may be no JSON: then there are none. `subject` names the checkpoint in errors.
  UnquantizedLayers(const std::string& configJson, const std::string& subject);

  /// Throws Error (Input) where that hangs on a text that is no regular expression, or takes too long on the name.
  [[nodiscard]] bool contains(const std::string& layer) const;

 private:
  void addEntry(const std::string& entry, bool isWholeName, const std::string& subject);
  void addExpression(const std::string& expression, const std::string& subject);

  std::vector<std::string> m_names;
  std::vector<std::string> m_partsOfNames;
  std::vector<NamePattern> m_expressions;
  std::string m_listedModules;  // GPTQ's list of lists of those that are quantized, named from within their block
  std::string m_subject;
  std::string m_unreadable;  // why the first expression that is none can't be read
};

}  // namespace qs
