#include "core/session/audit/decode_alternative.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/number_text.h"

namespace qs {

namespace {

using Tensor = std::shared_ptr<const QuantizedTensor>;

// Fitted values always lower the error a little.
constexpr double kFittedRatio = 0.25;
constexpr std::size_t kBlock = 32;

int unsignedCode(const QuantizedTensor& tensor, std::size_t row, std::size_t col) {
  const int code = tensor.code(row, col);
  return tensor.scheme.symmetric && tensor.codebook.empty() ? code + (1 << (tensor.scheme.bits - 1)) : code;
}

// The number that a code as unsigned field stands for, before zero point and scale.
float levelOf(const QuantizedTensor& tensor, int field) {
  if (!tensor.codebook.empty()) return tensor.codebook[static_cast<std::size_t>(field) % tensor.codebook.size()];
  return static_cast<float>(tensor.scheme.symmetric ? field - (1 << (tensor.scheme.bits - 1)) : field);
}

float levelAt(const QuantizedTensor& tensor, std::size_t row, std::size_t col) {
  return levelOf(tensor, unsignedCode(tensor, row, col));
}

float zeroAt(const QuantizedTensor& tensor, std::size_t unit) {
  return tensor.zeroPoints.empty() ? 0.0F : tensor.zeroPoints[unit];
}

// Rows whose values a formula makes of the codes.
template <typename Value>
TensorRows derived(const Tensor& tensor, Value value) {
  return {tensor->rows, tensor->cols, [tensor, value](std::size_t row, std::span<float> out) {
            for (std::size_t col = 0; col < out.size(); ++col) {
              out[col] = value(*tensor, row, col);
              if (!tensor->inputScale.empty()) out[col] /= tensor->inputScale[col];
            }
          }};
}

void addZeroPoints(const Tensor& tensor, std::vector<DecodeAlternative>& list) {
  const bool isInteger = tensor->scheme.number == NumberFormat::Integer && !tensor->scheme.realZeroPoint;
  if (!isInteger) return;
  const int levels = 1 << tensor->scheme.bits;
  for (const int step : {-1, 1}) {
    const std::string change = step < 0 ? "less one" : "plus one";
    list.push_back({FaultKind::ZeroPointOffByOne, "with every zero point " + change,
                    derived(tensor, [levels, step](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const std::size_t unit = t.unit(row, col);
                      const float moved = zeroAt(t, unit) + static_cast<float>(step);
                      const auto count = static_cast<float>(levels);  // fields wrap
                      const float zero = t.zeroPoints.empty() ? moved : std::fmod(moved + count, count);
                      return (levelAt(t, row, col) - zero) * t.scales[unit];
                    })});
  }
  list.push_back({FaultKind::CodeSign, "with the codes' highest bit turned over",
                  derived(tensor, [levels](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                    const std::size_t unit = t.unit(row, col);
                    const float level = levelOf(t, unsignedCode(t, row, col) ^ (levels / 2));
                    return (level - zeroAt(t, unit)) * t.scales[unit];
                  })});
}

// An order of the fields of a word: field i is taken from where field order[i] stands.
struct FieldOrder {
  std::string name;
  std::vector<std::size_t> order;

  // A tail that fills no word stays as it is.
  [[nodiscard]] std::size_t at(std::size_t index, std::size_t count) const {
    const std::size_t first = index - index % order.size();
    return first + order.size() <= count ? first + order[index - first] : index;
  }
};

FieldOrder pairsSwapped(std::size_t fields) {
  FieldOrder order{"pairs of neighbours swapped", std::vector<std::size_t>(fields)};
  for (std::size_t i = 0; i < fields; ++i) order.order[i] = i ^ 1U;
  return order;
}

FieldOrder reversed(std::size_t fields) {
  FieldOrder order{"words read from their other end", std::vector<std::size_t>(fields)};
  for (std::size_t i = 0; i < fields; ++i) order.order[i] = fields - 1 - i;
  return order;
}

FieldOrder interleaved() { return {"AWQ's interleaving applied", {0, 2, 4, 6, 1, 3, 5, 7}}; }
FieldOrder interleavingUndone() { return {"AWQ's interleaving undone", {0, 4, 1, 5, 2, 6, 3, 7}}; }

std::vector<FieldOrder> wordOrders(int bits) {
  const auto fields = static_cast<std::size_t>(32 / bits);
  std::vector<FieldOrder> orders{pairsSwapped(fields), reversed(fields)};
  if (bits == 4) {
    orders.push_back(interleaved());
    orders.push_back(interleavingUndone());
  }
  return orders;
}

void addFieldOrders(const Tensor& tensor, std::vector<DecodeAlternative>& list) {
  const int bits = tensor->scheme.bits;
  if (bits != 2 && bits != 4 && bits != 8) return;
  for (const FieldOrder& order : wordOrders(bits)) {
    const std::string premise = "with the codes in another order (" + order.name + ", along the ";
    list.push_back({FaultKind::NibbleOrder, premise + "inputs)",
                    derived(tensor, [order](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const std::size_t unit = t.unit(row, col);
                      return (levelAt(t, row, order.at(col, t.cols)) - zeroAt(t, unit)) * t.scales[unit];
                    })});
    list.push_back({FaultKind::NibbleOrder, premise + "outputs)",
                    derived(tensor, [order](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const std::size_t unit = t.unit(row, col);
                      return (levelAt(t, order.at(row, t.rows), col) - zeroAt(t, unit)) * t.scales[unit];
                    })});
    if (tensor->zeroPoints.empty() || tensor->scheme.groupSize == kPerTensor) continue;
    list.push_back({FaultKind::NibbleOrder, "with the zero points in another order (" + order.name + ")",
                    derived(tensor, [order](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const float zero = zeroAt(t, t.unit(order.at(row, t.rows), col));
                      return (levelAt(t, row, col) - zero) * t.scales[t.unit(row, col)];
                    })});
    list.push_back({FaultKind::NibbleOrder, "with codes and zero points in another order (" + order.name + ")",
                    derived(tensor, [order](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const std::size_t other = order.at(row, t.rows);
                      return (levelAt(t, other, col) - zeroAt(t, t.unit(other, col))) * t.scales[t.unit(row, col)];
                    })});
  }
}

// A decoding with the unit of each weight taken from elsewhere.
template <typename Unit>
TensorRows withUnits(const Tensor& tensor, Unit unitOf) {
  return derived(tensor, [unitOf](const QuantizedTensor& t, std::size_t row, std::size_t col) {
    const std::size_t unit = unitOf(t, row, col);
    return (levelAt(t, row, col) - zeroAt(t, unit)) * t.scales[unit];
  });
}

// As withUnits, for the scale only.
template <typename Unit>
TensorRows withScaleUnits(const Tensor& tensor, Unit unitOf) {
  return derived(tensor, [unitOf](const QuantizedTensor& t, std::size_t row, std::size_t col) {
    return (levelAt(t, row, col) - zeroAt(t, t.unit(row, col))) * t.scales[unitOf(t, row, col)];
  });
}

template <typename Unit>
void addUnits(const Tensor& tensor, FaultKind kind, const std::string& what, Unit unitOf,
              std::vector<DecodeAlternative>& list) {
  list.push_back({kind, "with the scales " + what, withScaleUnits(tensor, unitOf)});
  if (!tensor->zeroPoints.empty())
    list.push_back({kind, "with scales and zero points " + what, withUnits(tensor, unitOf)});
}

void addGroupAxes(const Tensor& tensor, std::vector<DecodeAlternative>& list) {
  if (tensor->scheme.groupSize == kPerTensor) return;
  const std::size_t groups = tensor->scheme.groupsPerRow(tensor->cols);
  if (groups > 1) {
    addUnits(
        tensor, FaultKind::GroupAxis, "laid out [out, groups] where the format has [groups, out]",
        [groups](const QuantizedTensor& t, std::size_t row, std::size_t col) {
          const std::size_t unit = t.unit(row, col);
          return unit % t.rows * groups + unit / t.rows;
        },
        list);
    addUnits(
        tensor, FaultKind::GroupAxis, "laid out [groups, out] where the format has [out, groups]",
        [groups](const QuantizedTensor& t, std::size_t row, std::size_t col) {
          const std::size_t unit = t.unit(row, col);
          return unit % groups * t.rows + unit / groups;
        },
        list);
  }
  if (tensor->rows == tensor->cols)
    addUnits(
        tensor, FaultKind::GroupAxis, "of groups that run along the outputs",
        [](const QuantizedTensor& t, std::size_t row, std::size_t col) { return t.unit(col, row); }, list);
  if (!tensor->groupIndex.empty())
    addUnits(
        tensor, FaultKind::GroupAxis, "of consecutive groups, whatever the group index says",
        [groups](const QuantizedTensor& t, std::size_t row, std::size_t col) {
          return row * groups + col / t.scheme.groupLength(t.cols);
        },
        list);
}

void addScalePlaces(const Tensor& tensor, std::vector<DecodeAlternative>& list) {
  const std::size_t groups = tensor->scheme.groupsPerRow(tensor->cols);
  const bool isGrouped = tensor->scheme.groupSize != kPerTensor;
  list.push_back({FaultKind::ScalePlacement, "with the scale as divisor",
                  derived(tensor, [](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                    const std::size_t unit = t.unit(row, col);
                    return (levelAt(t, row, col) - zeroAt(t, unit)) / t.scales[unit];
                  })});
  if (isGrouped && groups > 1) {
    for (const std::size_t step : {std::size_t{1}, groups - 1})
      addUnits(
          tensor, FaultKind::ScalePlacement, std::string("of the group ") + (step == 1 ? "after" : "before"),
          [groups, step](const QuantizedTensor& t, std::size_t row, std::size_t col) {
            return row * groups + (t.unit(row, col) + step) % groups;
          },
          list);
    addUnits(
        tensor, FaultKind::ScalePlacement, "of the groups in reverse order",
        [groups](const QuantizedTensor& t, std::size_t row, std::size_t col) {
          return row * groups + groups - 1 - t.unit(row, col) % groups;
        },
        list);
  }
  if (isGrouped && tensor->rows > 1)
    for (const std::size_t step : {std::size_t{1}, tensor->rows - 1})
      addUnits(
          tensor, FaultKind::ScalePlacement, std::string("of the output ") + (step == 1 ? "after" : "before"),
          [step](const QuantizedTensor& t, std::size_t row, std::size_t col) {
            return t.unit((row + step) % t.rows, col);
          },
          list);
  if (!tensor->zeroPoints.empty())
    list.push_back({FaultKind::ScalePlacement, "with the zero point subtracted after the scale multiplied",
                    derived(tensor, [](const QuantizedTensor& t, std::size_t row, std::size_t col) {
                      const std::size_t unit = t.unit(row, col);
                      return levelAt(t, row, col) * t.scales[unit] - zeroAt(t, unit);
                    })});
}

// The scale of each group that fits the original best.
TensorRows withFittedScales(const TensorRows& original, const Tensor& tensor) {
  return {tensor->rows, tensor->cols, [original, tensor](std::size_t row, std::span<float> out) {
            const QuantizedTensor& t = *tensor;
            const std::size_t groups = t.scheme.groupsPerRow(t.cols);
            std::vector<float> expected(t.cols);
            original.read(row, expected);
            std::vector<double> product(groups);
            std::vector<double> square(groups);
            for (std::size_t col = 0; col < t.cols; ++col) {
              const std::size_t unit = t.unit(row, col);
              const std::size_t group = unit % groups;
              out[col] = levelAt(t, row, col) - zeroAt(t, unit);
              product[group] += static_cast<double>(expected[col]) * static_cast<double>(out[col]);
              square[group] += static_cast<double>(out[col]) * static_cast<double>(out[col]);
            }
            for (std::size_t col = 0; col < t.cols; ++col) {
              const std::size_t group = t.unit(row, col) % groups;
              if (square[group] > 0) out[col] *= static_cast<float>(product[group] / square[group]);
            }
          }};
}

// Runs of 32 with their mean error taken away.
TensorRows withoutBlockOffsets(const TensorRows& original, const TensorRows& decoded) {
  return {decoded.rows, decoded.cols, [original, decoded](std::size_t row, std::span<float> out) {
            std::vector<float> expected(out.size());
            original.read(row, expected);
            decoded.read(row, out);
            for (std::size_t first = 0; first < out.size(); first += kBlock) {
              const std::size_t last = std::min(first + kBlock, out.size());
              double sum = 0;
              for (std::size_t i = first; i < last; ++i) sum += static_cast<double>(out[i] - expected[i]);
              const auto mean = static_cast<float>(sum / static_cast<double>(last - first));
              for (std::size_t i = first; i < last; ++i) out[i] -= mean;
            }
          }};
}

TensorRows reordered(const TensorRows& decoded, const FieldOrder& order) {
  return {decoded.rows, decoded.cols, [decoded, order](std::size_t row, std::span<float> out) {
            std::vector<float> values(out.size());
            decoded.read(row, values);
            for (std::size_t i = 0; i < out.size(); ++i) out[i] = values[order.at(i, out.size())];
          }};
}

}  // namespace

std::vector<DecodeAlternative> codeAlternatives(const std::shared_ptr<const QuantizedTensor>& tensor) {
  std::vector<DecodeAlternative> list;
  addZeroPoints(tensor, list);
  addFieldOrders(tensor, list);
  addGroupAxes(tensor, list);
  addScalePlaces(tensor, list);
  return list;
}

std::vector<DecodeAlternative> valueAlternatives(const TensorRows& decoded) {
  FieldOrder toPairs{"halves of a block where neighbours share a byte", std::vector<std::size_t>(kBlock)};
  FieldOrder toHalves{"neighbours where halves of a block share a byte", std::vector<std::size_t>(kBlock)};
  FieldOrder swapped{"the halves of a block swapped", std::vector<std::size_t>(kBlock)};
  for (std::size_t i = 0; i < kBlock; ++i) {
    toPairs.order[i] = i / 2 + i % 2 * (kBlock / 2);
    toHalves.order[toPairs.order[i]] = i;
    swapped.order[i] = (i + kBlock / 2) % kBlock;
  }
  std::vector<DecodeAlternative> list;
  for (const FieldOrder& order :
       {pairsSwapped(2), reversed(8), interleaved(), interleavingUndone(), toPairs, toHalves, swapped})
    list.push_back(
        {FaultKind::NibbleOrder, "with the codes in another order (" + order.name + ")", reordered(decoded, order)});
  return list;
}

std::vector<DecodeAlternative> headAlternatives(const TensorRows& decoded, const std::vector<std::size_t>& headRows) {
  std::vector<DecodeAlternative> list;
  const bool isVector = decoded.rows == 1;  // a bias
  for (const std::size_t head : headRows) {
    if (head < 4 || head % 2 != 0 || (isVector ? decoded.cols : decoded.rows) % head != 0) continue;
    FieldOrder toHalves{"", std::vector<std::size_t>(head)};
    FieldOrder toPairs{"", std::vector<std::size_t>(head)};
    for (std::size_t i = 0; i < head; ++i) {
      toHalves.order[i] = i < head / 2 ? 2 * i : 2 * (i - head / 2) + 1;
      toPairs.order[toHalves.order[i]] = i;
    }
    const auto add = [&](const FieldOrder& order, const std::string& premise) {
      TensorRows rows = reordered(decoded, order);
      if (!isVector)
        rows.read = [decoded, order](std::size_t row, std::span<float> out) {
          decoded.read(order.at(row, decoded.rows), out);
        };
      list.push_back({FaultKind::HeadPermutation, premise + std::to_string(head) + " rows", std::move(rows)});
    };
    add(toHalves, "with interleaved rotary pairs turned back into halves in heads of ");
    add(toPairs, "with rotary halves interleaved in heads of ");
  }
  return list;
}

std::vector<DecodeAlternative> fittedAlternatives(const TensorRows& original, const TensorRows& decoded,
                                                  const std::shared_ptr<const QuantizedTensor>& tensor, bool inBlocks,
                                                  const ErrorStats& stats) {
  std::vector<DecodeAlternative> list;
  const double factor = stats.sumProduct / stats.sumSquaredApproximation;
  if (std::isfinite(factor) && factor > 0) {
    const auto scale = static_cast<float>(factor);
    list.push_back({FaultKind::ScalePlacement,
                    "with every value multiplied by " + roundedText(factor, 4),
                    {decoded.rows, decoded.cols,
                     [decoded, scale](std::size_t row, std::span<float> out) {
                       decoded.read(row, out);
                       for (float& value : out) value *= scale;
                     }},
                    kFittedRatio});
  }
  if (inBlocks)
    list.push_back({FaultKind::ZeroPointOffByOne, "with a constant taken from each block of 32",
                    withoutBlockOffsets(original, decoded), kFittedRatio});
  if (tensor != nullptr && tensor->scheme.groupSize != kPerTensor)
    list.push_back({FaultKind::ScalePlacement, "with the scales that fit the original in place of those stored",
                    withFittedScales(original, tensor), kFittedRatio});
  return list;
}

}  // namespace qs
