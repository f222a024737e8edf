#include "core/session/audit/scale_check.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/parallel.h"
#include "core/io/importers/packed_layer_source.h"

namespace qs {

namespace {

// Mean square, compared with the whole tensor's, from which the original counts as more than nothing.
constexpr double kNegligible = 0.01;
// Decoded blocks of nothing but zeros also come from honest rounding: only those with usual values are faults.
constexpr double kUsual = 0.25;
constexpr std::size_t kTileRows = 32;

double squares(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * static_cast<double>(value);
  return sum;
}

double meanSquare(const TensorRows& rows, const RunContext& context) {
  std::vector<double> tiles((rows.rows + kTileRows - 1) / kTileRows);
  parallelFor(context, tiles.size(), [&](std::size_t tile) {
    std::vector<float> values(rows.cols);
    for (std::size_t row = tile * kTileRows; row < std::min(rows.rows, (tile + 1) * kTileRows); ++row) {
      rows.read(row, values);
      tiles[tile] += squares(values);
    }
  });
  double sum = 0;
  for (const double tile : tiles) sum += tile;
  return sum / std::max(1.0, static_cast<double>(rows.rows) * static_cast<double>(rows.cols));
}

struct Finding {
  std::size_t count = 0;
  std::size_t row = 0;
  std::size_t position = 0;

  void add(std::size_t r, std::size_t p) {
    if (count++ == 0) {
      row = r;
      position = p;
    }
  }
  void merge(const Finding& other) {
    if (count == 0)
      *this = other;
    else
      count += other.count;
  }
  [[nodiscard]] std::string at(const char* what) const {
    return "output " + std::to_string(row) + ", " + what + " " + std::to_string(position);
  }
};

// Zero scales of groups in which the original is not negligible.
Finding zeroScales(const OpenedPair& pair, const RunContext& context) {
  const QuantizedTensor& codes = *pair.codes;
  Finding zeros;
  if (std::ranges::find(codes.scales, 0.0F) == codes.scales.end()) return zeros;
  const double mean = meanSquare(pair.original, context);
  std::vector<float> values(codes.cols);
  std::vector<double> energy(codes.scales.size());
  std::vector<std::size_t> members(codes.scales.size());
  for (std::size_t row = 0; row < codes.rows; ++row) {
    pair.original.read(row, values);
    for (std::size_t col = 0; col < codes.cols; ++col) {
      const std::size_t unit = codes.unit(row, col);
      energy[unit] += static_cast<double>(values[col]) * static_cast<double>(values[col]);
      ++members[unit];
    }
    if (row % kTileRows == 0) context.throwIfStopped();
  }
  const std::size_t groups = codes.scales.size() / codes.rows;
  for (std::size_t unit = 0; unit < codes.scales.size(); ++unit)
    if (codes.scales[unit] == 0.0F && energy[unit] > kNegligible * mean * static_cast<double>(members[unit]))
      zeros.add(groups > 0 ? unit / groups : 0, groups > 0 ? unit % groups : 0);
  return zeros;
}

std::optional<std::string> badStoredScales(const OpenedPair& pair, const RunContext& context) {
  const QuantizedTensor& codes = *pair.codes;
  const std::size_t groups = std::max<std::size_t>(1, codes.scales.size() / std::max<std::size_t>(1, codes.rows));
  Finding broken;
  for (std::size_t unit = 0; unit < codes.scales.size(); ++unit)
    if (!std::isfinite(codes.scales[unit])) broken.add(unit / groups, unit % groups);
  const std::string of = " of " + std::to_string(codes.scales.size()) + " scales ";
  if (broken.count > 0)
    return std::to_string(broken.count) + of + (broken.count == 1 ? "is" : "are") + " NaN or infinite, first at " +
           broken.at("group");
  const Finding zeros = zeroScales(pair, context);
  if (zeros.count == 0) return std::nullopt;
  return std::to_string(zeros.count) + of + (zeros.count == 1 ? "is" : "are") +
         " zero where the original's weights are not, first at " + zeros.at("group");
}

struct DecodedFindings {
  Finding broken;
  Finding zeros;
};

void findInRow(std::size_t row, std::span<const float> expected, std::span<const float> got, std::size_t block,
               double mean, DecodedFindings& findings) {
  for (std::size_t first = 0; first < got.size(); first += block) {
    const std::size_t count = std::min(block, got.size() - first);
    const std::span<const float> part = got.subspan(first, count);
    const auto broken = std::ranges::find_if_not(part, [](float value) { return std::isfinite(value); });
    if (broken != part.end()) findings.broken.add(row, first + static_cast<std::size_t>(broken - part.begin()));
    const bool isZero = std::ranges::all_of(part, [](float value) { return value == 0.0F; });
    if (isZero && squares(expected.subspan(first, count)) > kUsual * mean * static_cast<double>(count))
      findings.zeros.add(row, first);
  }
}

std::optional<std::string> badDecodedValues(const OpenedPair& pair, std::size_t block, const RunContext& context) {
  const double mean = meanSquare(pair.original, context);
  const std::size_t rows = pair.original.rows;
  std::vector<DecodedFindings> tiles((rows + kTileRows - 1) / kTileRows);
  parallelFor(context, tiles.size(), [&](std::size_t tile) {
    std::vector<float> expected(pair.original.cols);
    std::vector<float> got(pair.original.cols);
    for (std::size_t row = tile * kTileRows; row < std::min(rows, (tile + 1) * kTileRows); ++row) {
      pair.original.read(row, expected);
      pair.decoded.read(row, got);
      findInRow(row, expected, got, block, mean, tiles[tile]);
    }
  });
  DecodedFindings total;
  for (const DecodedFindings& tile : tiles) {
    total.broken.merge(tile.broken);
    total.zeros.merge(tile.zeros);
  }
  if (total.broken.count > 0)
    return std::to_string(total.broken.count) + " blocks decode to NaN or infinity, first at " +
           total.broken.at("input");
  if (total.zeros.count == 0) return std::nullopt;
  return std::to_string(total.zeros.count) + " blocks decode to zeros where the original's weights are not, first at " +
         total.zeros.at("input");
}

}  // namespace

std::optional<std::string> badScales(const OpenedPair& pair, std::size_t block, const RunContext& context) {
  return pair.codes != nullptr ? badStoredScales(pair, context) : badDecodedValues(pair, block, context);
}

std::optional<std::string> turnedGroups(const CheckpointTensor& quantized) {
  const auto* const source = dynamic_cast<const PackedLayerSource*>(quantized.source.get());
  if (source == nullptr || quantized.info.shape.size() != 2) return std::nullopt;
  // GPTQ and AWQ have [groups, out], the others [out, groups].
  const CheckpointTensor* scales = source->parts().find("scales");
  const std::size_t outputAxis = scales != nullptr ? 1 : 0;
  if (scales == nullptr) scales = source->parts().find("weight_scale");
  if (scales == nullptr || scales->info.shape.size() != 2) return std::nullopt;
  const std::uint64_t outputs = quantized.info.shape[0];
  const std::uint64_t inputs = quantized.info.shape[1];
  const std::uint64_t along = scales->info.shape[outputAxis];
  const std::uint64_t across = scales->info.shape[1 - outputAxis];
  const std::string stored = "scales of shape " + toText(scales->info.shape);
  if (along == outputs) return std::nullopt;
  if (across == outputs) return stored + " fit groups that are laid out the other way round";
  if (along == inputs || across == inputs) return stored + " fit groups that run along the outputs, not the inputs";
  return std::nullopt;
}

}  // namespace qs
