#include "core/exporters/gguf/gguf_tensor_writer.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/error.h"
#include "core/exporters/gguf/gguf_model_metadata.h"
#include "core/kernels/convert.h"
#include "core/kernels/dequantize.h"
#include "core/model/model_config.h"
#include "core/quant/method_registry.h"
#include "core/session/linear_weights.h"
#include "core/stats/error_stats.h"

namespace qs {

namespace {

constexpr std::uint64_t kTileElements = std::uint64_t{1} << 20U;

bool isPermuted(GgufTransform transform) {
  return transform == GgufTransform::UnpermuteQuery || transform == GgufTransform::UnpermuteKey;
}

// Where each row of the file comes from: within a head of D rows, row 2i is row i, and row 2i + 1 row i + D/2.
std::vector<std::size_t> permutation(std::size_t rows, std::size_t heads, const std::string& tensor) {
  if (heads == 0 || rows % (2 * heads) != 0)
    throw failedError("tensor '" + tensor + "'", std::to_string(rows) + " rows are no even number for each of " +
                                                     std::to_string(heads) + " heads");
  const std::size_t head = rows / heads;
  std::vector<std::size_t> from(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t within = row % head;
    from[row] = row - within + within / 2 + (within % 2) * (head / 2);
  }
  return from;
}

std::vector<std::byte> permutedRows(std::span<const std::byte> bytes, const std::vector<std::size_t>& from) {
  const std::size_t width = bytes.size() / from.size();
  std::vector<std::byte> out(bytes.size());
  for (std::size_t row = 0; row < from.size(); ++row) std::memcpy(&out[row * width], &bytes[from[row] * width], width);
  return out;
}

std::vector<std::byte> narrowed(DType type, std::span<const float> values) {
  std::vector<std::byte> bytes(byteSize(type, values.size()).value_or(0));
  const TensorSink keep = [&bytes](std::string_view, std::span<const std::byte> part) {
    std::copy(part.begin(), part.end(), bytes.begin());
  };
  writeAs(type, values, {}, keep);
  return bytes;
}

void setSize(const GgufMatrix& matrix, LayerReport& report) {
  report.quantizedBytes = matrix.bytes.size();
  report.bitsPerWeight =
      8.0 * static_cast<double>(matrix.bytes.size()) / static_cast<double>(matrix.values.values().size());
}

}  // namespace

GgufTensorWriter::GgufTensorWriter(const PromisedModel& model, TensorSink sink, RoundTripCheck& check,
                                   const RunContext& context)
    : m_model(model), m_sink(std::move(sink)), m_check(check), m_context(context) {
  const Checkpoint& original = model.source().model;
  const ModelConfig config = parseModelConfig(original.contents().configJson, original.path().string());
  m_heads = config.heads;
  m_kvHeads = config.kvHeads;
}

std::size_t GgufTensorWriter::headsOf(GgufTransform transform) const {
  return transform == GgufTransform::UnpermuteKey ? m_kvHeads : m_heads;
}

LayerReportPtr GgufTensorWriter::write(const GgufUnit& unit) {
  LayerReportPtr report;
  if (unit.tensor == nullptr) {
    const std::vector<float> factors = ggufRopeFactors(m_model.source().model);
    writeValues<float>(m_sink, unit.part.name, factors);
    m_check.promise(unit.readName, factors);
    return report;
  }
  switch (unit.rounding) {
    case GgufRounding::None:
      writeCopy(unit);
      break;
    case GgufRounding::Codes: {
      const GgufMatrix matrix = ggufBlocksOf(m_model.load(unit.layer), unit.part.dtype, m_context);
      report = sized(unit, matrix);
      writeMatrix(unit, matrix);
      break;
    }
    case GgufRounding::Float: {
      const GgufMatrix matrix =
          ggufRounded(dequantizeMatrix(m_model.load(unit.layer), m_context), unit.part.dtype, {}, m_context);
      report = measured(unit, m_model.unrounded(unit.layer, m_context), matrix,
                        "stored as " + std::string(name(unit.part.dtype)));
      writeMatrix(unit, matrix);
      break;
    }
    case GgufRounding::Encoder:
      writeMatrix(unit, encode(unit, report));
      break;
  }
  unit.tensor->source->release();
  return report;
}

GgufMatrix GgufTensorWriter::encode(const GgufUnit& unit, LayerReportPtr& report) const {
  const std::vector<float> importance = importanceOf(unit.layer);
  const Matrix original = m_model.unrounded(unit.layer, m_context);
  const bool fromOriginal = requireMethod(m_model.methodOf(unit.layer)).roundsOnly;
  GgufMatrix matrix = ggufRounded(fromOriginal ? original : dequantizeMatrix(m_model.load(unit.layer), m_context),
                                  unit.part.dtype, importance, m_context);
  report = measured(unit, original, matrix,
                    "rounded anew to " + std::string(name(unit.part.dtype)) + " from the " +
                        (fromOriginal ? "original weights" : "run's weights"));
  return matrix;
}

// The mean square of each input, in the domain in which the layer is rounded.
std::vector<float> GgufTensorWriter::importanceOf(const std::string& layer) const {
  const auto stored = m_model.source().store.loadReport(layer);
  std::vector<float> importance = stored ? stored->inputMeanSquares : std::vector<float>();
  const std::vector<float>& scale = m_model.foldedInputScale(layer);
  for (std::size_t i = 0; i < importance.size() && !scale.empty(); ++i) importance[i] /= scale[i] * scale[i];
  return importance;
}

const LayerReport& GgufTensorWriter::reportOf(const GgufUnit& unit) const {
  const auto& layers = m_model.source().report.layers;
  return **std::find_if(layers.begin(), layers.end(),
                        [&](const LayerReportPtr& layer) { return layer->name == unit.layer; });
}

// A type holds the run's codes, with more scales where the run's groups are longer than its blocks.
LayerReportPtr GgufTensorWriter::sized(const GgufUnit& unit, const GgufMatrix& matrix) const {
  LayerReport report = reportOf(unit);
  if (report.quantizedBytes == matrix.bytes.size()) return nullptr;
  setSize(matrix, report);
  report.notes.push_back("stored as " + std::string(name(unit.part.dtype)));
  return std::make_shared<const LayerReport>(std::move(report));
}

LayerReportPtr GgufTensorWriter::measured(const GgufUnit& unit, const Matrix& weights, const GgufMatrix& matrix,
                                          const std::string& note) const {
  const std::vector<float>& scale = m_model.foldedInputScale(unit.layer);
  ErrorStats errors;
  std::vector<float> reference;
  std::vector<float> approximation;
  for (std::size_t row = 0; row < weights.rows(); ++row) {
    reference.assign(weights.row(row).begin(), weights.row(row).end());
    approximation.assign(matrix.values.row(row).begin(), matrix.values.row(row).end());
    for (std::size_t i = 0; i < scale.size(); ++i) {
      reference[i] /= scale[i];
      approximation[i] /= scale[i];
    }
    errors.add(reference, approximation);
  }
  LayerReport report = reportOf(unit);
  report.metrics = {.weightMse = errors.meanSquaredError(),
                    .weightSqnrDb = errors.sqnrDb(),
                    .weightCosine = errors.cosine(),
                    .weightMaxAbsError = errors.maxAbsError,
                    .weightRelativeError = errors.relativeError()};
  setSize(matrix, report);
  report.after = {};
  report.notes.push_back(note);
  return std::make_shared<const LayerReport>(std::move(report));
}

void GgufTensorWriter::writeMatrix(const GgufUnit& unit, const GgufMatrix& matrix) {
  if (isPermuted(unit.transform))
    m_sink(unit.part.name,
           permutedRows(matrix.bytes, permutation(matrix.values.rows(), headsOf(unit.transform), unit.readName)));
  else
    m_sink(unit.part.name, matrix.bytes);
  if (unit.transform == GgufTransform::Transpose)
    m_check.promise(unit.readName, transposed(matrix.values.view()).values());
  else
    m_check.promise(unit.readName, matrix.values.values());
}

void GgufTensorWriter::writeCopy(const GgufUnit& unit) {
  const CheckpointTensor& tensor = *unit.tensor;
  if (isPermuted(unit.transform) || (unit.transform == GgufTransform::Transpose && tensor.info.shape.size() == 2)) {
    Matrix values(tensor.info.shape.front(), tensor.info.elements / tensor.info.shape.front());
    m_model.read(tensor, 0, values.values());
    if (unit.transform == GgufTransform::Transpose) values = transposed(values.view());
    std::vector<std::byte> bytes = narrowed(unit.part.dtype, values.values());
    return writeMatrix(unit, {std::move(bytes), std::move(values)});
  }
  std::vector<float> tile;
  for (std::uint64_t first = 0; first < tensor.info.elements; first += tile.size()) {
    m_context.throwIfStopped();
    tile.resize(std::min(kTileElements, tensor.info.elements - first));
    m_model.read(tensor, first, tile);
    const bool addsOne = unit.transform == GgufTransform::MinusOne;
    if (addsOne)
      for (float& value : tile) value += 1.0F;
    const std::vector<std::byte> bytes = narrowed(unit.part.dtype, tile);
    m_sink(unit.part.name, bytes);
    widenToFloat(unit.part.dtype, bytes, tile);
    if (addsOne)
      for (float& value : tile) value -= 1.0F;
    m_check.promise(unit.readName, tile);
  }
}

}  // namespace qs
