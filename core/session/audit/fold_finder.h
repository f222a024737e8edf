#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/model/architecture_spec.h"
#include "core/model/layer_groups.h"
#include "core/session/audit/factor_fit.h"
#include "core/session/audit/opened_pair.h"

namespace qs {

/// Factors that a checkpoint has in a tensor because its method folded input scales (AWQ, SmoothQuant): what they undo
/// elsewhere was checked. Empty = none.
struct FoundFold {
  std::vector<float> rows;
  std::vector<float> columns;
  float offset = 0;  ///< added before dividing and taken away behind: Gemma's norms
  std::string odd;   ///< of a norm: which elements were divided by something else than the linears undo; empty = none
  std::string note;  ///< "input scale of 0.3 to 4.1 undone: …input_layernorm has its inverse"

  [[nodiscard]] bool isEmpty() const { return rows.empty() && columns.empty(); }
  [[nodiscard]] TensorRows undone(const TensorRows& rows_) const;
};

/// Finds folded input scales: factors of a linear's columns that the norm or the linear before undoes, and the other
/// way round. Needs the architecture; without one it finds nothing. Thread-safe.
class FoldFinder {
 public:
  FoldFinder(const Checkpoint& original, std::span<const TensorPair> pairs, std::optional<ArchitectureSpec> spec);

  /// What a linear's inputs were multiplied with, according to a changed norm before it; empty where the norm has not
  /// changed. Not yet checked against the weights.
  [[nodiscard]] FoundFold fromNorm(const TensorPair& linear) const;
  /// Factors of a linear's columns that the linear before undoes, and of its rows that the linear behind undoes.
  [[nodiscard]] FoundFold fromLinears(const TensorPair& linear, const OpenedPair& opened,
                                      const RunContext& context) const;
  /// What a norm's elements, or a bias's, were divided by, as the linears that read it, or whose it is, show.
  [[nodiscard]] FoundFold ofVector(const TensorPair& vector, const RunContext& context) const;

 private:
  [[nodiscard]] const TensorPair* pairOf(const std::string& tensor) const;
  [[nodiscard]] FittedFactors columnFactors(const std::string& linear, const RunContext& context) const;
  [[nodiscard]] std::vector<float> producedFactors(const LayerGroup& group, const RunContext& context) const;
  void findColumns(const TensorPair& linear, const OpenedPair& opened, const RunContext& context,
                   FoundFold& fold) const;
  void findRows(const TensorPair& linear, const OpenedPair& opened, const RunContext& context, FoundFold& fold) const;
  [[nodiscard]] FoundFold ofNorm(const TensorPair& norm, const LayerGroup& group, const RunContext& context) const;

  const Checkpoint& m_original;
  std::map<std::string, TensorPair, std::less<>> m_pairs;  // by the original's name
  std::vector<LayerGroup> m_groups;
  std::map<std::string, std::size_t, std::less<>> m_readBy;      // weight tensor → the group that it belongs to
  std::map<std::string, std::size_t, std::less<>> m_producedBy;  // norm or linear → the group that reads it
};

}  // namespace qs
