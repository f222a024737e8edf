#include "core/session/audit/fold_finder.h"

#include <algorithm>
#include <cmath>

#include "core/base/number_text.h"
#include "core/session/layer_filter.h"

namespace qs {

namespace {

// Stored as F16 or BF16 a norm changes by less.
constexpr float kSameNorm = 0.01F;
// A fold is looked for where its factors vary by more than quantization noise makes them.
constexpr double kNotableSpread = 0.03;

std::vector<float> valuesOf(const CheckpointTensor& tensor) {
  std::vector<float> values(tensor.info.elements);
  tensor.source->read(0, values);
  return values;
}

float positive(float factor) { return std::isfinite(factor) && factor > 0 ? factor : 1.0F; }

// What a vector was divided by; empty where it is the same.
std::vector<float> quotients(std::vector<float> before, std::vector<float> after, float offset) {
  if (before.size() != after.size()) return {};
  bool isChanged = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const float quotient = positive((before[i] + offset) / (after[i] + offset));
    isChanged = isChanged || std::abs(quotient - 1.0F) > kSameNorm;
    before[i] = quotient;
  }
  if (!isChanged) before.clear();
  return before;
}

bool isNotable(std::span<const float> factors) {
  double sum = 0;
  for (const float factor : factors) {
    const double log = std::log(static_cast<double>(positive(factor)));
    sum += log * log;
  }
  return sum > kNotableSpread * kNotableSpread * static_cast<double>(factors.size());
}

// Whether a column's factor may be `expected`: quantization changes a factor by less than what it leaves of a weight.
bool isWithinNoise(const FittedFactors& fitted, std::size_t column, float expected) {
  const float factor = positive(fitted.factors[column]);
  return !(std::abs(factor / expected - 1.0F) > kSameNorm + fitted.noise[column]);
}

std::vector<float> inverted(std::vector<float> factors) {
  for (float& factor : factors) factor = 1.0F / positive(factor);
  return factors;
}

std::string undoneNote(std::span<const float> factors, const std::string& producer) {
  return "input scale of " + rangeText(factors) + " undone, by which " + producer + " is divided";
}

}  // namespace

TensorRows FoundFold::undone(const TensorRows& rows_) const {
  if (offset == 0.0F) return dividedRows(rows_, rows, columns);
  const auto plus = [](const TensorRows& source, float addend) {
    return TensorRows{source.rows, source.cols, [source, addend](std::size_t row, std::span<float> out) {
                        source.read(row, out);
                        for (float& value : out) value += addend;
                      }};
  };
  return plus(dividedRows(plus(rows_, offset), rows, columns), -offset);
}

FoldFinder::FoldFinder(const Checkpoint& original, std::span<const TensorPair> pairs,
                       std::optional<ArchitectureSpec> spec)
    : m_original(original) {
  for (const TensorPair& pair : pairs)
    if (pair.original != nullptr && pair.quantized != nullptr) m_pairs.emplace(pair.original->info.name, pair);
  if (!spec) return;
  for (LayerGroup& group : layerGroups(*spec))
    if (group.producer.foldable) m_groups.push_back(std::move(group));
  for (std::size_t i = 0; i < m_groups.size(); ++i) {
    for (const LinearSpec& linear : m_groups[i].linears) m_readBy.emplace(weightName(*spec, linear), i);
    m_producedBy.emplace(m_groups[i].producer.name, i);
  }
}

const TensorPair* FoldFinder::pairOf(const std::string& tensor) const {
  const auto found = m_pairs.find(tensor);
  return found == m_pairs.end() || !hasComparableShapes(m_original, found->second) ? nullptr : &found->second;
}

FoundFold FoldFinder::fromNorm(const TensorPair& linear) const {
  const auto group = m_readBy.find(linear.original->info.name);
  if (group == m_readBy.end()) return {};
  const InputProducer& producer = m_groups[group->second].producer;
  const TensorPair* norm = producer.kind == InputProducer::Kind::Norm ? pairOf(producer.name + ".weight") : nullptr;
  if (norm == nullptr) return {};
  const float offset = producer.normKind == NormKind::RmsPlusOne ? 1.0F : 0.0F;
  std::vector<float> factors = quotients(valuesOf(*norm->original), valuesOf(*norm->quantized), offset);
  if (factors.empty()) return {};
  const std::string note = undoneNote(factors, producer.name);
  return {.rows = {}, .columns = std::move(factors), .note = note};
}

// The factors of a linear's columns, as its weights show them.
FittedFactors FoldFinder::columnFactors(const std::string& linear, const RunContext& context) const {
  const TensorPair* pair = pairOf(linear + ".weight");
  if (pair == nullptr) return {};
  const OpenedPair opened = openPair(m_original, *pair, context);
  FittedFactors fitted = fitColumns(opened.original, opened.decoded, context);
  release(*pair);
  return fitted;
}

// The factors of the rows that make a group's inputs, in the inputs' order.
std::vector<float> FoldFinder::producedFactors(const LayerGroup& group, const RunContext& context) const {
  const TensorPair* pair = pairOf(group.producer.name + ".weight");
  if (pair == nullptr) return {};
  const OpenedPair opened = openPair(m_original, *pair, context);
  const FoundFold norm = fromNorm(*pair);
  const std::vector<float> all = fitRowFactors(opened.original, norm.undone(opened.decoded), context);
  release(*pair);
  if (group.producer.rows.empty()) return all;
  std::vector<float> factors;
  for (const std::size_t row : group.producer.rows) factors.push_back(row < all.size() ? all[row] : 1.0F);
  return factors;
}

void FoldFinder::findColumns(const TensorPair& linear, const OpenedPair& opened, const RunContext& context,
                             FoundFold& fold) const {
  const auto read = m_readBy.find(linear.original->info.name);
  if (read == m_readBy.end()) return;
  const LayerGroup& group = m_groups[read->second];
  if (group.producer.kind != InputProducer::Kind::Linear) return;
  const std::vector<float> columns = fitColumnFactors(opened.original, opened.decoded, context);
  if (!isNotable(columns)) return;
  std::vector<float> before = producedFactors(group, context);
  if (!undoEachOther(before, columns)) return;
  fold.columns = inverted(std::move(before));
  fold.note = undoneNote(fold.columns, group.producer.name);
}

void FoldFinder::findRows(const TensorPair& linear, const OpenedPair& opened, const RunContext& context,
                          FoundFold& fold) const {
  const auto produced = m_producedBy.find(layerName(linear.original->info.name));
  if (produced == m_producedBy.end()) return;
  const LayerGroup& group = m_groups[produced->second];
  const std::vector<float> rows = producedFactors(group, context);
  if (!isNotable(rows)) return;
  const std::string& reader = group.linears.front().name;
  const std::vector<float> behind = columnFactors(reader, context).factors;
  if (!undoEachOther(rows, behind)) return;
  fold.rows.assign(opened.original.rows, 1.0F);
  for (std::size_t i = 0; i < behind.size(); ++i)
    fold.rows[group.producer.rows.empty() ? i : group.producer.rows[i]] = 1.0F / positive(behind[i]);
  fold.note += (fold.note.empty() ? "" : "; ") + std::string("its rows, divided by the input scale of ") + reader +
               ", compared undivided";
}

FoundFold FoldFinder::fromLinears(const TensorPair& linear, const OpenedPair& opened, const RunContext& context) const {
  FoundFold fold;
  findColumns(linear, opened, context, fold);
  findRows(linear, opened, context, fold);
  return fold;
}

FoundFold FoldFinder::ofNorm(const TensorPair& norm, const LayerGroup& group, const RunContext& context) const {
  const float offset = group.producer.normKind == NormKind::RmsPlusOne ? 1.0F : 0.0F;
  const std::string weight = group.producer.name + ".weight";
  const TensorPair* pair = pairOf(weight);
  if (pair == nullptr || norm.original->info.elements != group.in) return {};
  const std::vector<float> divided = quotients(valuesOf(*pair->original), valuesOf(*pair->quantized), offset);
  if (divided.empty()) return {};
  FoundFold fold{.rows = {},
                 .columns = inverted(divided),
                 .offset = offset,
                 .note = "divided by the input scale of " + group.linears.front().name};
  std::vector<bool> isExplained(divided.size(), false);
  std::size_t left = divided.size();
  for (const LinearSpec& reader : group.linears) {
    const FittedFactors fitted = columnFactors(reader.name, context);
    if (fitted.factors.size() != divided.size()) continue;
    for (std::size_t i = 0; i < divided.size(); ++i) {
      if (isExplained[i]) continue;
      isExplained[i] = isWithinNoise(fitted, i, divided[i]);
      fold.columns[i] = 1.0F / (isExplained[i] ? divided[i] : positive(fitted.factors[i]));
      if (isExplained[i]) --left;
    }
    if (left == 0) break;
  }
  if (2 * left >= divided.size()) return {};
  if (left == 0) return fold;
  const auto first = static_cast<std::size_t>(std::ranges::find(isExplained, false) - isExplained.begin());
  fold.odd = std::to_string(left) + (left == 1 ? " element was" : " elements were") +
             " divided by something else than the linears behind were multiplied with: element " +
             std::to_string(first) + " by " + roundedText(static_cast<double>(divided[first]), 3) + ", and they by " +
             roundedText(1.0 / static_cast<double>(fold.columns[first]), 3);
  return fold;
}

FoundFold FoldFinder::ofVector(const TensorPair& vector, const RunContext& context) const {
  const std::string& name = vector.original->info.name;
  const std::string owner = name.substr(0, name.rfind('.'));
  const auto produced = m_producedBy.find(owner);
  if (produced == m_producedBy.end()) return {};
  const LayerGroup& group = m_groups[produced->second];
  if (group.producer.kind == InputProducer::Kind::Norm) return ofNorm(vector, group, context);
  const std::vector<float> rows = producedFactors(group, context);
  if (!isNotable(rows) || vector.original->info.elements < rows.size()) return {};
  FoundFold fold{.rows = {},
                 .columns = std::vector<float>(vector.original->info.elements, 1.0F),
                 .note = "divided by the input scale of " + group.linears.front().name};
  for (std::size_t i = 0; i < rows.size(); ++i)
    fold.columns[group.producer.rows.empty() ? i : group.producer.rows[i]] = positive(rows[i]);
  return fold;
}

}  // namespace qs
