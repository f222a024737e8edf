#include "core/exporters/round_trip_check.h"

#include <algorithm>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/io/direct_file.h"

namespace qs {

namespace {

constexpr std::uint64_t kChunkBytes = std::uint64_t{4} << 20U;
constexpr std::uint64_t kTileValues = std::uint64_t{1} << 15U;  // they stay in the cache

std::uint64_t rowLength(const Shape& shape) { return shape.empty() ? 1 : std::max<std::uint64_t>(shape.back(), 1); }

Error differs(const std::string& tensor, const std::string& how) { return failedError("tensor '" + tensor + "'", how); }

}  // namespace

void RoundTripCheck::expect(std::string_view tensor, Shape shape) {
  m_promises.emplace(std::string(tensor), Promise{.shape = std::move(shape)});
}

RoundTripCheck::Promise& RoundTripCheck::promiseOf(std::string_view tensor) {
  const auto found = m_promises.find(tensor);
  if (found == m_promises.end()) throw differs(std::string(tensor), "was written, but not planned");
  return found->second;
}

void RoundTripCheck::promise(std::string_view tensor, std::span<const float> values) {
  Promise& promise = promiseOf(tensor);
  const std::uint64_t row = rowLength(promise.shape);
  while (!values.empty()) {
    const std::size_t count = std::min<std::uint64_t>(row - promise.filled, values.size());
    promise.open.add(values.first(count));
    promise.filled += count;
    values = values.subspan(count);
    if (promise.filled < row) continue;
    promise.rows.push_back(promise.open.value());
    promise.open = {};
    promise.filled = 0;
  }
}

void RoundTripCheck::promiseBytes(std::string_view tensor, std::span<const std::byte> bytes) {
  Promise& promise = promiseOf(tensor);
  promise.isBytes = true;
  promise.bytes.add(bytes);
}

void RoundTripCheck::compareValues(const CheckpointTensor& tensor, const Promise& promise, const RunContext& context) {
  const std::uint64_t row = rowLength(promise.shape);
  const std::uint64_t rows = tensor.info.elements / row;
  if (rows != promise.rows.size()) throw differs(tensor.info.name, "was not written as a whole");
  const std::uint64_t step = std::max<std::uint64_t>(1, kTileValues / row);
  Matrix::Values tile;
  for (std::uint64_t first = 0; first < rows; first += step) {
    context.throwIfStopped();
    tile.resize(std::min(step, rows - first) * row);
    tensor.source->read(first * row, tile);
    for (std::uint64_t r = 0; r * row < tile.size(); ++r) {
      ValueDigest digest;
      digest.add(std::span<const float>(tile).subspan(r * row, row));
      if (digest.value() != promise.rows[first + r])
        throw differs(tensor.info.name,
                      "row " + std::to_string(first + r) + " of the written file differs from what the run promised");
    }
  }
}

void RoundTripCheck::compareBytes(const CheckpointTensor& tensor, const Promise& promise, const RunContext& context) {
  const std::optional<TensorView> stored = tensor.source->stored();
  const std::uint64_t size = stored ? stored->bytes.size() : 0;
  const DirectBuffer buffer(std::min(size, kChunkBytes));
  Hash64 hash;
  bool isRead = stored.has_value();
  for (std::uint64_t first = 0; first < size && isRead; first += kChunkBytes) {
    context.throwIfStopped();
    const auto chunk = buffer.bytes().first(std::min(kChunkBytes, size - first));
    isRead = tensor.source->copyOnce(first, chunk);
    hash.add(chunk);
  }
  if (!isRead || hash.value() != promise.bytes.value())
    throw differs(tensor.info.name, "the written bytes differ from the model's");
}

const CheckpointTensor& RoundTripCheck::requireTensor(const Checkpoint& written, const std::string& name,
                                                      const Promise& promise) {
  const CheckpointTensor* tensor = written.find(name);
  if (tensor == nullptr) throw differs(name, "is missing from the written file");
  if (tensor->info.shape != promise.shape)
    throw differs(name, "reads back with shape " + toText(tensor->info.shape) + ", promised " + toText(promise.shape));
  return *tensor;
}

void RoundTripCheck::compareEarly(const Checkpoint& written, const std::string& name, const RunContext& context) {
  Promise& promise = promiseOf(name);
  try {
    compareTensor(written, name, promise, context);
    promise.isCompared = true;
  } catch (const Error&) {
    promise.isCompared = false;
  }
}

bool RoundTripCheck::readsBackAs(const Checkpoint& written, const std::string& name, const QuantizedTensor& layer) {
  Promise& promise = promiseOf(name);
  try {
    const TensorSource& source = *requireTensor(written, name, promise).source;
    const std::shared_ptr<const QuantizedTensor> codes = source.quantizedOnce();
    promise.isCompared = codes != nullptr && haveSameCodes(*codes, layer);
  } catch (const Error&) {
    promise.isCompared = false;
  }
  return promise.isCompared;
}

void RoundTripCheck::compareTensor(const Checkpoint& written, const std::string& name, const Promise& promise,
                                   const RunContext& context) {
  const CheckpointTensor& tensor = requireTensor(written, name, promise);
  if (promise.isBytes) return compareBytes(tensor, promise, context);
  tensor.source->prefetch();
  compareValues(tensor, promise, context);
  tensor.source->forget();  // the next tensor's bytes find its pages: gigabytes read once push nothing else out
}

void RoundTripCheck::compare(const Checkpoint& written, ExportResult& result, const RunContext& context) const {
  for (const CheckpointTensor& tensor : written.tensors())
    if (!m_promises.contains(tensor.info.name)) throw differs(tensor.info.name, "is in the written file unasked");
  std::vector<std::string> rest;
  for (const auto& [name, promise] : m_promises) {
    static_cast<void>(requireTensor(written, name, promise));
    if (!promise.isCompared) rest.push_back(name);
  }
  if (context.progress != nullptr)
    context.progress->beginStage("Checking", "tensors", static_cast<double>(rest.size()));
  inWorkerArena(context, [&] {
    parallelFor(context, rest.size(), [&](std::size_t i) {
      compareTensor(written, rest[i], m_promises.find(rest[i])->second, context);
      context.advance(1);
    });
  });
  result.tensors += m_promises.size();
  for (const auto& [name, promise] : m_promises) result.values += elementCount(promise.shape).value_or(0);
}

}  // namespace qs
