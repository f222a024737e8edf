#include "core/session/audit/tensor_auditor.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/parallel.h"
#include "core/session/audit/decode_alternative.h"
#include "core/session/audit/factor_fit.h"
#include "core/session/audit/scale_check.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

// From here on a tensor is as good as equal: nothing is left to explain.
constexpr double kEqualDb = 60;
// An unquantized tensor has at least this once it went through F16 or BF16.
constexpr double kUnchangedDb = 40;
// A norm whose input scale was undone by factors fitted to quantized weights has at least this.
constexpr double kUndoneDb = 10;
// A fitted alternative is preferred to a named one where it explains that much more.
constexpr double kMuchBetter = 0.1;
// A plainly stored linear may hold what any method left of it, but not less than this.
constexpr double kLeastCosine = 0.5;
constexpr std::size_t kUsualBlock = 64;
constexpr std::size_t kFewestRows = 16;  // for factors fitted to columns

std::string decibels(double value) {
  if (std::isinf(value)) return value > 0 ? "infinite" : "no";
  return fixedText(value, 1);
}

// A pair at work: what is compared, in which frame, and how far it got.
struct Case {
  const TensorPair& pair;
  const OpenedPair& opened;
  FoundFold fold;
  ErrorStats stats;  // in the frame of `fold`
};

struct Verdict {
  FaultKind kind = FaultKind::LargeError;
  std::string premise;
  TensorRows rows;
  double error = 0;  // squared, on the sample
};

bool isQueryOrKey(const std::string& layer) {
  constexpr std::array<std::string_view, 12> kEnds{"q_proj", "k_proj",   "qkv_proj", "attn_q",
                                                   "attn_k", "attn_qkv", "query",    "key",
                                                   "wq",     "wk",       "c_attn",   "query_key_value"};
  return std::ranges::any_of(kEnds, [&](std::string_view end) { return layer.ends_with(end); });
}

// The alternative with the least error that falls below its own share of `error`.
std::optional<Verdict> bestOf(const std::vector<DecodeAlternative>& alternatives, const Case& at, double error,
                              std::span<const std::size_t> sample, const RunContext& context) {
  std::vector<double> errors(alternatives.size());
  parallelFor(context, alternatives.size(), [&](std::size_t i) {
    const TensorRows rows = at.fold.undone(alternatives[i].rows);
    errors[i] = compareRows(at.opened.original, rows, context, sample).sumSquaredError;
  });
  std::optional<Verdict> best;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    const DecodeAlternative& alternative = alternatives[i];
    if (!(errors[i] < alternative.errorRatio * error)) continue;
    if (!best || errors[i] < best->error)
      best = Verdict{alternative.kind, alternative.premise, alternative.rows, errors[i]};
  }
  return best;
}

// Factors of columns or rows that nothing else undoes.
void addUnfolded(const Case& at, const RunContext& context, std::vector<DecodeAlternative>& list) {
  const TensorRows decoded = at.fold.undone(at.opened.decoded);
  if (at.opened.original.rows < kFewestRows || at.opened.original.cols < kFewestRows) return;
  const std::vector<float> columns = fitColumnFactors(at.opened.original, decoded, context);
  list.push_back({FaultKind::ScalePlacement,
                  "with the inputs' columns divided by " + rangeText(columns) + ", which no operation before undoes",
                  dividedRows(at.opened.decoded, {}, columns), 0.25});
  const std::vector<float> rows = fitRowFactors(at.opened.original, decoded, context);
  list.push_back({FaultKind::ScalePlacement,
                  "with the outputs' rows divided by " + rangeText(rows) + ", which no operation behind undoes",
                  dividedRows(at.opened.decoded, rows, {}), 0.25});
}

std::vector<DecodeAlternative> namedAlternatives(const Case& at, const std::vector<std::size_t>& headRows) {
  std::vector<DecodeAlternative> list;
  const std::string layer = layerName(at.pair.original->info.name);
  const QuantizedTensor* codes = at.opened.codes.get();
  const bool fits =
      codes != nullptr && codes->rows == at.opened.original.rows && codes->cols == at.opened.original.cols;
  if (fits)
    list = codeAlternatives(at.opened.codes);
  else if (isStoredQuantized(at.pair.quantized->info))
    list = valueAlternatives(at.opened.decoded);
  if (isQueryOrKey(layer) || isQueryOrKey(layer.substr(0, layer.rfind('.'))))
    std::ranges::move(headAlternatives(at.opened.decoded, headRows), std::back_inserter(list));
  return list;
}

std::string evidence(const Case& at, const Verdict& verdict, const RunContext& context) {
  const ErrorStats better = compareRows(at.opened.original, at.fold.undone(verdict.rows), context);
  return verdict.premise + " the SQNR rises from " + decibels(at.stats.sqnrDb()) + " to " + decibels(better.sqnrDb()) +
         " dB";
}

// The fault that explains the error, if any does.
std::optional<AuditFault> explain(const Case& at, const std::vector<std::size_t>& headRows, const RunContext& context) {
  const bool isVector = at.opened.original.rows <= 1;
  const std::vector<std::size_t> sample = sampleRows(at.opened.original.rows);
  const ErrorStats base = compareRows(at.opened.original, at.fold.undone(at.opened.decoded), context, sample);
  if (!(base.sumSquaredError > 0) || !std::isfinite(base.sumSquaredError)) return std::nullopt;
  std::optional<Verdict> verdict = bestOf(namedAlternatives(at, headRows), at, base.sumSquaredError, sample, context);
  if (!isVector) {
    const bool isBlocks = traits(at.pair.quantized->info.dtype).blockElements > 1;
    std::vector<DecodeAlternative> fitted =
        fittedAlternatives(at.opened.original, at.opened.decoded, at.opened.codes, isBlocks, base);
    addUnfolded(at, context, fitted);
    const std::optional<Verdict> other = bestOf(fitted, at, base.sumSquaredError, sample, context);
    if (other && (!verdict || other->error < kMuchBetter * verdict->error)) verdict = other;
  }
  if (!verdict) return std::nullopt;
  return AuditFault{verdict->kind, evidence(at, *verdict, context)};
}

// Chooses the frame in which a linear is compared: as stored, or with folded input scales undone.
void chooseFrame(const FoldFinder& folds, Case& at, const RunContext& context) {
  const auto tryFold = [&](FoundFold fold) {
    if (fold.isEmpty()) return;
    const ErrorStats stats = compareRows(at.opened.original, fold.undone(at.opened.decoded), context);
    if (!(stats.sumSquaredError < at.stats.sumSquaredError)) return;
    at.fold = std::move(fold);
    at.stats = stats;
  };
  if (at.stats.sqnrDb() >= kUnchangedDb) return;
  if (tensorRole(at.pair.original->info) != TensorRole::Linear && at.opened.original.rows > 1) {
    tryFold(folds.fromNorm(at.pair));  // the head
    return;
  }
  if (at.opened.original.rows <= 1) {
    tryFold(folds.ofVector(at.pair, context));
    return;
  }
  // Rows that the linear behind undoes can hide what the norm before does, so both are also tried at once.
  FoundFold norm = folds.fromNorm(at.pair);
  FoundFold linears = folds.fromLinears(at.pair, at.opened, context);
  if (!norm.isEmpty() && !linears.isEmpty()) {
    FoundFold both = linears;
    both.columns = norm.columns;
    both.note = norm.note + "; " + linears.note;
    tryFold(std::move(both));
  }
  tryFold(std::move(norm));
  tryFold(std::move(linears));
}

// Bits that the error is judged by.
int bitsOf(const Case& at, double bitsPerWeight) {
  if (at.opened.codes != nullptr) return at.opened.codes->scheme.bits;
  return static_cast<int>(bitsPerWeight);
}

// What remains where no fault is known that explains the error.
std::optional<AuditFault> unexplained(const Case& at, double bitsPerWeight) {
  const double sqnr = at.stats.sqnrDb();
  const bool isQuantized = isStoredQuantized(at.pair.quantized->info);
  const bool isLinear = tensorRole(at.pair.original->info) == TensorRole::Linear;
  if (!isQuantized && !isLinear && sqnr < (at.fold.isEmpty() ? kUnchangedDb : kUndoneDb))
    return AuditFault{FaultKind::Changed, "is not quantized, yet its values differ from the original's by up to " +
                                              roundedText(at.stats.maxAbsError, 3) + " (SQNR " + decibels(sqnr) +
                                              " dB)"};
  if (!isQuantized) {
    if (!isLinear || at.stats.cosine() >= kLeastCosine) return std::nullopt;
    return AuditFault{FaultKind::LargeError,
                      "cosine " + roundedText(at.stats.cosine(), 3) + ": hardly alike; no known fault explains it"};
  }
  const int bits = bitsOf(at, bitsPerWeight);
  const double least = 3.0 * (bits - 3);
  if (sqnr >= least) return std::nullopt;
  return AuditFault{FaultKind::LargeError, "SQNR " + decibels(sqnr) + " dB, where " + std::to_string(bits) +
                                               " bits leave more than " + decibels(least) +
                                               " dB; no known fault explains it"};
}

std::string shapeMessage(const TensorInfo& expected, const TensorInfo& got) {
  Shape turned = expected.shape;
  std::ranges::reverse(turned);
  return "expected " + toText(expected.shape) + ", got " + toText(got.shape) +
         (turned == got.shape ? ": stored transposed" : "");
}

}  // namespace

std::string typeText(const TensorInfo& tensor) {
  return tensor.storedScheme.empty() ? std::string(name(tensor.dtype)) : tensor.storedScheme;
}

bool isStoredQuantized(const TensorInfo& tensor) {
  const DTypeTraits& type = traits(tensor.dtype);
  return !tensor.storedScheme.empty() || type.blockElements > 1 || type.bits < 16;
}

TensorAuditor::TensorAuditor(const Checkpoint& original, const FoldFinder& folds, std::vector<std::size_t> headRows)
    : m_original(original), m_folds(folds), m_headRows(std::move(headRows)) {
  if (m_headRows.empty()) m_headRows = {8, 16, 32, 48, 64, 80, 96, 112, 128, 192, 256};
}

TensorAudit TensorAuditor::audit(const TensorPair& pair, const RunContext& context) const {
  const TensorInfo& expected = pair.original->info;
  const TensorInfo& got = pair.quantized->info;
  TensorAudit result{.name = expected.name,
                     .shape = expected.shape,
                     .originalType = typeText(expected),
                     .quantizedType = typeText(got)};
  if (expected.elements > 0)
    result.bitsPerWeight = 8.0 * static_cast<double>(got.bytes) / static_cast<double>(expected.elements);
  if (!hasComparableShapes(m_original, pair)) {
    result.faults.push_back({FaultKind::ShapeMismatch, shapeMessage(expected, got)});
    return result;
  }
  try {
    compare(pair, context, result);
  } catch (const Error& error) {
    const std::optional<std::string> turned = turnedGroups(*pair.quantized);
    result.faults.push_back({turned ? FaultKind::GroupAxis : FaultKind::Unreadable,
                             error.what() + (turned ? ": " + *turned : std::string())});
  }
  release(pair);
  return result;
}

void TensorAuditor::compare(const TensorPair& pair, const RunContext& context, TensorAudit& result) const {
  const OpenedPair opened = openPair(m_original, pair, context);
  Case at{pair, opened, {}, compareRows(opened.original, opened.decoded, context)};
  if (isStoredQuantized(pair.quantized->info)) {
    const int elements = traits(pair.quantized->info.dtype).blockElements;
    const auto bad = badScales(opened, elements > 1 ? static_cast<std::size_t>(elements) : kUsualBlock, context);
    if (bad) result.faults.push_back({FaultKind::BadScale, *bad});
  }
  if (!std::isfinite(at.stats.sumSquaredError)) {
    if (result.faults.empty()) result.faults.push_back({FaultKind::Changed, "has NaN or infinite values"});
    return;
  }
  chooseFrame(m_folds, at, context);
  result.figures = {at.stats.sqnrDb(), at.stats.cosine(), at.stats.maxAbsError};
  result.note = at.fold.note;
  if (!at.fold.odd.empty()) result.faults.push_back({FaultKind::Changed, at.fold.odd});
  if (!result.faults.empty() || at.stats.sqnrDb() >= kEqualDb) return;
  std::optional<AuditFault> fault = explain(at, m_headRows, context);
  if (!fault) fault = unexplained(at, result.bitsPerWeight);
  if (fault) result.faults.push_back(std::move(*fault));
}

}  // namespace qs
