#include "core/session/training_preflight.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "core/base/number_text.h"
#include "core/base/parallel.h"
#include "core/kernels/matmul.h"
#include "core/tensor/matrix.h"
#include "core/train/passes/model_pass.h"

namespace qs {

namespace {

// A weight in training: effective and latent value, gradient, two moments, the best codes and the start's, and a
// checkpoint being written.
constexpr std::uint64_t kBytesPerTrainedWeight = 20 + 2 + 24;
constexpr std::uint64_t kBase = std::uint64_t{200} << 20U;
constexpr std::uint64_t kMostTeacher = std::uint64_t{1} << 30U;  // of the unquantized model's states that are kept
constexpr double kEfficiency = 0.5;                              // of the machine's multiply-adds
constexpr double kUsable = 0.8;                                  // of the memory that is free
constexpr double kPassesPerStep = 3;                             // forward, and twice that back

std::string gigabytes(std::uint64_t bytes) { return fixedText(static_cast<double>(bytes) / 1e9, 1) + " GB"; }

std::string duration(double seconds) {
  return "about " + (seconds < 90 ? fixedText(seconds, 0) + " s" : fixedText(seconds / 60, 0) + " min");
}

bool fits(std::uint64_t bytes, std::uint64_t available) {
  return available == 0 || static_cast<double>(bytes) <= kUsable * static_cast<double>(available);
}

}  // namespace

TrainingNeeds needsOf(const ArchitectureSpec& spec, const TrainingSize& size, const TrainingOptions& options,
                      double multiplyAdds) {
  const std::uint64_t rows = std::uint64_t{options.batch} * size.windowLength;
  const std::uint64_t record = recordValuesPerRow(spec) * rows * sizeof(float);
  const std::uint64_t states = rows * spec.hiddenSize * sizeof(float) * (spec.blocks.size() + 4);
  const std::uint64_t allStates = std::uint64_t{size.windows} * size.windowLength * spec.hiddenSize * sizeof(float);
  const std::uint64_t teacher = std::uint64_t{size.windows} * size.windowLength * spec.head.in * sizeof(float);
  TrainingNeeds needs;
  needs.wholeBytes = kBase + size.trainedWeights * kBytesPerTrainedWeight + size.allWeights * 2 * sizeof(float) +
                     size.headWeights * sizeof(float) + states + 2 * record + std::min(teacher, kMostTeacher);
  needs.blockBytes = kBase + size.largestBlock * (kBytesPerTrainedWeight + sizeof(float)) + 2 * allStates + 3 * record;
  const double rate = kEfficiency * multiplyAdds;
  const double tokens = static_cast<double>(rows) * options.steps;
  const auto trained = static_cast<double>(size.trainedWeights);
  const double allTokens = static_cast<double>(size.windows) * static_cast<double>(size.windowLength);
  needs.wholeSeconds = kPassesPerStep * tokens * (trained + 2 * static_cast<double>(size.headWeights)) / rate +
                       allTokens * trained / rate;
  needs.blockSeconds = kPassesPerStep * tokens * trained / rate + 2 * allTokens * trained / rate;
  return needs;
}

double measureMultiplyAdds(const RunContext& context) {
  constexpr std::size_t kSize = 384;
  constexpr std::size_t kProducts = 12;  // of each thread
  using Clock = std::chrono::steady_clock;
  const auto threads = static_cast<std::size_t>(context.threadCount());
  const Matrix a(kSize, kSize);
  std::vector<Matrix> results(threads, Matrix(kSize, kSize));
  double best = 0;
  for (int round = 0; round < 3; ++round) {
    const Clock::time_point start = Clock::now();
    parallelFor(context, threads, [&](std::size_t t) {
      for (std::size_t i = 0; i < kProducts; ++i)
        multiplyTransposed({a.values().data(), kSize, kSize, kSize}, {a.values().data(), kSize, kSize, kSize},
                           {results[t].values().data(), kSize, kSize, kSize});
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const double work = static_cast<double>(kProducts * threads) * kSize * kSize * kSize;
    best = std::max(best, work / std::max(seconds, 1e-9));
  }
  return best;
}

std::uint64_t availableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kilobytes = 0;
    if (words >> key >> kilobytes && key == "MemAvailable:") return kilobytes * 1024;
  }
  return 0;
}

TrainingForm chooseForm(const std::string& wanted, const TrainingNeeds& needs, std::uint64_t available) {
  if (wanted != "blocks" && fits(needs.wholeBytes, available)) return TrainingForm::Whole;
  if (wanted != "whole" && fits(needs.blockBytes, available)) return TrainingForm::Blocks;
  const bool whole = wanted == "whole";
  throw requestError("training", std::string(whole ? "the whole model" : "even block by block it") + " needs " +
                                     gigabytes(whole ? needs.wholeBytes : needs.blockBytes) + " of memory; " +
                                     gigabytes(available) + " are free" +
                                     (whole ? " (block by block: " + gigabytes(needs.blockBytes) + ")" : ""));
}

std::string describe(const TrainingNeeds& needs, TrainingForm chosen) {
  const std::string whole = "whole model: " + gigabytes(needs.wholeBytes) + ", " + duration(needs.wholeSeconds);
  const std::string blocks = "block by block: " + gigabytes(needs.blockBytes) + ", " + duration(needs.blockSeconds);
  return chosen == TrainingForm::Whole ? "training the " + whole + " (" + blocks + ")"
                                       : "training " + blocks + " (" + whole + ")";
}

}  // namespace qs
