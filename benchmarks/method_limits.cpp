// What every method needs of one layer: seconds, peak memory, the longest time without progress, and how long a cancel
// takes at moments spread over the work. One process a method, so that the peaks are their own.
//
//     method_limits [--rows 4096] [--cols 11008] [--stops 0] [--threads 2] [METHOD …]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/kernels/gram.h"
#include "core/quant/method_registry.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kGramRows = 256;     // what the Gram matrix is made of; the rest of it is its diagonal
constexpr std::size_t kSampleRows = 4096;  // the largest sample that calibration keeps
constexpr std::uint64_t kTokens = 4 * 11008;

struct Options {
  std::size_t rows = 4096;
  std::size_t cols = 11008;
  int stops = 0;
  int threads = 2;
  std::vector<std::string> methods;
};

double seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

qs::Matrix noise(std::size_t rows, std::size_t cols, std::uint64_t seed) {
  qs::Matrix matrix(rows, cols);
  std::uint64_t state = seed;
  for (float& value : matrix.values()) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    value = static_cast<float>(static_cast<double>(state >> 11U) * 0x1.0p-53 - 0.5);
  }
  return matrix;
}

// As after a long calibration: more rows than inputs, of which a sample is kept.
qs::ActivationStats calibration(std::size_t width, const qs::RunContext& context) {
  qs::ActivationStats stats{.channels = width, .tokens = kTokens, .sampleIsWhole = false};
  stats.sample = noise(kSampleRows, width, 2);
  stats.gram.assign(width * width, 0.0);
  qs::addGramUpper(stats.sample.view().middleRows(0, kGramRows), stats.gram, context);
  qs::mirrorUpper(stats.gram, width, context);
  for (std::size_t c = 0; c < width; ++c) stats.gram[c * width + c] += c % 64 == 0 ? 1e4 : 10.0;
  stats.absMax.assign(width, 0.5F);
  stats.meanAbs.assign(width, 0.25F);
  stats.minimum.assign(width, -0.5F);
  stats.maximum.assign(width, 0.5F);
  for (std::size_t c = 0; c < width; c += 64) stats.absMax[c] = stats.meanAbs[c] = 5.0F;
  stats.batchRanges.assign(64, {-5.0F, 5.0F});
  return stats;
}

double peakMebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024.0;
  return 0;
}

qs::Settings settingsFor(const qs::MethodInfo& method) {
  qs::Settings settings;
  if (method.parameter("steps") != nullptr) settings.set("steps", std::int64_t{2});
  return qs::resolveSettings(method, settings);
}

struct Layer {
  qs::Matrix weights;
  qs::ActivationStats stats;
};

// Runs the method; gives when it ended. A stop that comes in time ends it early.
Clock::time_point run(const qs::MethodInfo& method, const Layer& layer, const qs::RunContext& context) {
  const qs::LayerTask task{"layer", layer.weights.view(), &layer.stats};
  qs::inWorkerArena(context, [&] {
    try {
      const auto outcomes = method.quantize({&task, 1}, settingsFor(method), {}, context);
      if (!outcomes.front().tensor) std::printf("%s failed: %s\n", method.id.c_str(), outcomes.front().error.c_str());
    } catch (const qs::Cancelled&) {
    }
  });
  return Clock::now();
}

// The longest time in which the progress stood still.
class ProgressWatch {
 public:
  explicit ProgressWatch(const qs::Progress& progress)
      : m_thread([this, &progress](const std::stop_token& stop) {
          double last = 0;
          Clock::time_point since = Clock::now();
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
            const double done = progress.snapshot().done;
            m_longest = std::max(m_longest, seconds(Clock::now() - since));
            if (done != last) since = Clock::now();
            last = done;
          }
        }) {}
  double longest() {
    m_thread.request_stop();
    m_thread.join();
    return m_longest;
  }

 private:
  double m_longest = 0;
  std::jthread m_thread;
};

double cancelSeconds(const qs::MethodInfo& method, const Layer& layer, double after, int threads) {
  std::stop_source source;
  Clock::time_point asked;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::duration<double>(after));
    asked = Clock::now();
    source.request_stop();
  });
  const Clock::time_point ended = run(method, layer, {.stop = source.get_token(), .threads = threads});
  stopper.join();
  return std::max(0.0, seconds(ended - asked));
}

void measure(const qs::MethodInfo& method, const Options& options) {
  const Layer layer{noise(options.rows, options.cols, 1), calibration(options.cols, {.threads = options.threads})};
  qs::Progress progress;
  progress.beginStage("Quantizing", "layers", 1);
  ProgressWatch watch(progress);
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = run(method, layer, {.progress = &progress, .threads = options.threads});
  const double longest = watch.longest();
  const double total = seconds(end - begin);
  const double peak = peakMebibytes();
  double slowest = 0;
  for (int i = 0; i < options.stops; ++i)
    slowest = std::max(slowest, cancelSeconds(method, layer, total * (i + 0.5) / options.stops, options.threads));
  std::printf("%-14s %8.2f s %8.0f MiB %8.2f s", method.id.c_str(), total, peak, longest);
  if (options.stops > 0) std::printf(" %8.0f ms", slowest * 1e3);
  std::printf("\n");
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&] { return i + 1 < argc ? std::atoi(argv[++i]) : 0; };
    if (word == "--rows")
      options.rows = static_cast<std::size_t>(value());
    else if (word == "--cols")
      options.cols = static_cast<std::size_t>(value());
    else if (word == "--stops")
      options.stops = value();
    else if (word == "--threads")
      options.threads = value();
    else
      options.methods.push_back(word);
  }
  if (options.methods.empty())
    for (const qs::MethodInfo& method : qs::allMethods()) options.methods.push_back(method.id);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  std::printf("%zux%zu, %d threads\n%-14s %10s %12s %10s%s\n", options.rows, options.cols, options.threads, "method",
              "time", "peak", "stands", options.stops > 0 ? "     cancel" : "");
  for (const std::string& id : options.methods) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      measure(qs::requireMethod(id), options);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) std::printf("%s ended with status %d\n", id.c_str(), status);
  }
  return 0;
}
