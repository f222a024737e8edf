#include "core/train/teacher.h"

#include <algorithm>

#include "core/base/parallel.h"
#include "core/train/load_training_model.h"

namespace qs {

GatheredWindows gatherWindows(const TokenWindows& windows, std::span<const std::size_t> chosen) {
  GatheredWindows gathered;
  for (const std::size_t window : chosen) {
    const auto append = [&](const std::vector<int>& from, std::vector<int>& to) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(window * windows.length);
      to.insert(to.end(), begin, begin + static_cast<std::ptrdiff_t>(windows.length));
    };
    append(windows.inputs, gathered.ids);
    append(windows.targets, gathered.targets);
  }
  return gathered;
}

Teacher::Teacher(const ArchitectureSpec& spec, const WeightProvider& weights, const TokenWindows& windows,
                 std::size_t keepBytes, const RunContext& context)
    : m_windows(windows),
      m_runner(spec, weights),
      m_head(loadTrainingModel<float>(spec, weights, {.embedding = false, .block = {}, .blocks = false}, context)),
      m_room(keepBytes) {}

RealMatrix<float> Teacher::inputsOf(std::span<const std::size_t> windows, const RunContext& context) {
  RunContext quiet = context;
  quiet.progress = nullptr;
  std::vector<std::size_t> missing;
  for (const std::size_t window : windows)
    if (!m_kept.contains(window)) missing.push_back(window);
  // Each window by itself, so that its bits don't depend on which others are missing.
  std::vector<Matrix> made(missing.size());
  parallelFor(quiet, missing.size(), [&](std::size_t i) {
    const GatheredWindows window = gatherWindows(m_windows, std::span(missing).subspan(i, 1));
    made[i] = m_runner.run(window.ids, m_windows.length, quiet);
  });
  const std::size_t width = m_runner.spec().head.in;
  RealMatrix<float> inputs(windows.size() * m_windows.length, width);
  const std::size_t size = m_windows.length * width;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const auto to = inputs.values().subspan(i * size, size);
    if (const auto kept = m_kept.find(windows[i]); kept != m_kept.end()) {
      std::copy(kept->second.values().begin(), kept->second.values().end(), to.begin());
      continue;
    }
    const auto at = std::find(missing.begin(), missing.end(), windows[i]);
    Matrix& from = made[static_cast<std::size_t>(at - missing.begin())];
    std::copy(from.values().begin(), from.values().end(), to.begin());
    if (m_room < size * sizeof(float)) continue;
    m_room -= size * sizeof(float);
    m_kept.emplace(windows[i], std::move(from));
  }
  return inputs;
}

}  // namespace qs
