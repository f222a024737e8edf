#include "core/kernels/decode_benchmark.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>

#include "core/base/error.h"
#include "core/base/parallel.h"

namespace qs {

namespace {

constexpr std::size_t kDefaultCache = std::size_t{32} << 20U;
constexpr std::size_t kCacheFactor = 4;
constexpr std::size_t kRowTile = 64;
constexpr std::size_t kAlignment = 64;
constexpr int kFewestRepeats = 7;
constexpr int kMostRepeats = 4;  // times as many rounds, while a ratio is above that of bytes

// Weights like a trained layer's in size and sign; only their bytes matter to the clock.
std::vector<float> testValues(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  std::uint32_t state = seed * 2654435761U + 1U;
  for (float& value : values) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<std::int32_t>(state) >> 8) * 1e-9F;
  }
  return values;
}

// Memory that the weights of one format stand in, one after the other; huge pages keep its first touch short.
class WeightArena {
 public:
  explicit WeightArena(std::size_t bytes) : m_size((bytes + kHugePage - 1) / kHugePage * kHugePage) {
    void* memory = mmap(nullptr, m_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw failedError("decode benchmark", "not enough memory for the weights");
    madvise(memory, m_size, MADV_HUGEPAGE);
    const std::size_t size = m_size;
    m_memory = {static_cast<std::byte*>(memory), [size](std::byte* p) { munmap(p, size); }};
  }

  /// A copy of the matrix whose weights stand in the arena.
  [[nodiscard]] DecodeMatrix copyOf(const DecodeMatrix& matrix) {
    DecodeMatrix copy = matrix;
    std::byte* place = m_memory.get() + m_used;
    std::memcpy(place, matrix.weights.get(), matrix.weightBytes);
    copy.weights = {m_memory, place};
    m_used += (matrix.weightBytes + kAlignment - 1) / kAlignment * kAlignment;
    return copy;
  }

 private:
  static constexpr std::size_t kHugePage = std::size_t{2} << 20U;

  std::shared_ptr<std::byte> m_memory;
  std::size_t m_size = 0;
  std::size_t m_used = 0;
};

std::size_t bytesPerToken(const std::vector<DecodeMatrix>& once, std::span<const DecodeShape> shapes) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < once.size(); ++i) bytes += once[i].bytes() * shapes[i].count;
  return bytes;
}

struct Work {
  const DecodeMatrix* matrix = nullptr;
  const DecodeInput* input = nullptr;
  std::size_t firstRow = 0;
  std::size_t rows = 0;
};

class FormatRun {
 public:
  FormatRun(DecodeVariant variant, std::span<const DecodeShape> shapes, const RunContext& context)
      : m_variant(variant) {
    const std::size_t target = kCacheFactor * lastLevelCacheBytes();
    std::vector<DecodeMatrix> once;
    for (const DecodeShape& shape : shapes) {
      context.throwIfStopped();
      const std::vector<float> values = testValues(shape.rows * shape.cols, static_cast<std::uint32_t>(once.size()));
      once.push_back(makeDecodeMatrix(variant.format, values, shape.rows, shape.cols, variant.groupSize));
      m_inputs.push_back(makeDecodeInput(testValues(shape.cols, 77)));
    }
    m_bytes = bytesPerToken(once, shapes);
    m_tokens = (target + m_bytes - 1) / m_bytes;
    std::size_t matricesPerToken = 0;
    for (const DecodeShape& shape : shapes) matricesPerToken += shape.count;
    WeightArena arena(m_tokens * (m_bytes + kAlignment * matricesPerToken));
    for (std::size_t token = 0; token < m_tokens; ++token)
      for (std::size_t i = 0; i < once.size(); ++i)
        for (std::size_t c = 0; c < shapes[i].count; ++c) {
          context.throwIfStopped();
          m_matrices.push_back(arena.copyOf(once[i]));
          m_shapeOf.push_back(i);
        }
    for (std::size_t m = 0; m < m_matrices.size(); ++m)
      for (std::size_t row = 0; row < m_matrices[m].rows; row += kRowTile)
        m_work.push_back({&m_matrices[m], &m_inputs[m_shapeOf[m]], row, std::min(kRowTile, m_matrices[m].rows - row)});
    m_output.resize(m_work.size() * kRowTile);
  }

  // One pass over every matrix that is held; seconds for one token.
  double pass(const RunContext& context) {
    const auto start = std::chrono::steady_clock::now();
    const std::size_t chunks = static_cast<std::size_t>(context.threadCount()) * 4;
    parallelFor(context, chunks, [&](std::size_t chunk) {
      const std::size_t first = m_work.size() * chunk / chunks;
      const std::size_t last = m_work.size() * (chunk + 1) / chunks;
      for (std::size_t i = first; i < last; ++i)
        decodeRows(*m_work[i].matrix, *m_work[i].input, m_work[i].firstRow,
                   std::span(m_output).subspan(i * kRowTile, m_work[i].rows));
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return seconds / static_cast<double>(m_tokens);
  }

  [[nodiscard]] DecodeVariant variant() const { return m_variant; }
  [[nodiscard]] double bytes() const { return static_cast<double>(m_bytes); }

 private:
  DecodeVariant m_variant;
  std::vector<DecodeMatrix> m_matrices;
  std::vector<DecodeInput> m_inputs;
  std::vector<std::size_t> m_shapeOf;
  std::vector<Work> m_work;
  std::vector<float> m_output;
  std::size_t m_bytes = 0;
  std::size_t m_tokens = 0;
};

bool fits(const DecodeShape& shape, std::span<const DecodeVariant> variants) {
  return shape.rows > 0 && shape.cols > 0 &&
         std::all_of(variants.begin(), variants.end(), [&](const DecodeVariant& variant) {
           return variant.format != DecodeFormat::Int4 || shape.cols % variant.groupSize == 0;
         });
}

DecodeTiming timingOf(const FormatRun& run, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {.format = run.variant().format,
          .groupSize = run.variant().format == DecodeFormat::Int4 ? run.variant().groupSize : 0,
          .bytesPerToken = run.bytes(),
          .bestSeconds = seconds.front(),
          .medianSeconds = seconds[seconds.size() / 2],
          .worstSeconds = seconds.back()};
}

void relateToF16(std::vector<DecodeTiming>& timings) {
  const DecodeTiming& f16 = timings.front();
  for (DecodeTiming& timing : timings) {
    const double limit = f16.bytesPerToken / timing.bytesPerToken;
    const double measured = f16.bestSeconds / timing.bestSeconds;
    timing.cappedAtBytes = measured > limit;
    timing.speedup = std::min(measured, limit);
    timing.speedupLow = std::min(f16.bestSeconds / timing.worstSeconds, timing.speedup);
  }
}

}  // namespace

std::size_t lastLevelCacheBytes() {
  std::size_t bytes = 0;
  std::set<std::string> counted;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/devices/system/cpu", none)) {
    std::filesystem::path cache;  // the processor's cache of the highest level has the highest index
    for (int index = 0; std::filesystem::exists(entry.path() / "cache" / ("index" + std::to_string(index)), none);
         ++index)
      cache = entry.path() / "cache" / ("index" + std::to_string(index));
    std::string sharers;
    std::size_t kibibytes = 0;  // "32768K"
    if (cache.empty() || !(std::ifstream(cache / "shared_cpu_list") >> sharers) || !counted.insert(sharers).second)
      continue;
    if (std::ifstream(cache / "size") >> kibibytes) bytes += kibibytes << 10U;
  }
  return bytes > 0 ? bytes : kDefaultCache;
}

std::vector<DecodeTiming> measureDecode(std::span<const DecodeShape> shapes, std::span<const DecodeVariant> variants,
                                        int repeats, const RunContext& context) {
  std::vector<DecodeShape> usable;
  std::copy_if(shapes.begin(), shapes.end(), std::back_inserter(usable),
               [&](const DecodeShape& shape) { return fits(shape, variants); });
  if (usable.empty()) throw requestError("decode benchmark", "no layer's inputs are a multiple of the group size");
  std::vector<FormatRun> runs;
  runs.emplace_back(DecodeVariant{DecodeFormat::F16, 0}, usable, context);
  for (const DecodeVariant& variant : variants)
    if (variant.format != DecodeFormat::F16) runs.emplace_back(variant, usable, context);

  std::vector<std::vector<double>> seconds(runs.size());
  std::vector<DecodeTiming> timings;
  const auto isAnyCapped = [&] { return std::ranges::any_of(timings, &DecodeTiming::cappedAtBytes); };
  for (int more = 0; more < kMostRepeats && (more == 0 || isAnyCapped()); ++more) {
    for (int round = 0; round < std::max(repeats, kFewestRepeats); ++round)
      for (std::size_t i = 0; i < runs.size(); ++i) {
        context.throwIfStopped();
        seconds[i].push_back(runs[i].pass(context));
      }
    timings.clear();
    for (std::size_t i = 0; i < runs.size(); ++i) timings.push_back(timingOf(runs[i], seconds[i]));
    relateToF16(timings);
  }
  return timings;
}

}  // namespace qs
