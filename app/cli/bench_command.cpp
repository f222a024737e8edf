#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "app/cli/command.h"
#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/exporters/reports/text_table.h"
#include "core/kernels/decode_benchmark.h"

namespace qs::cli {

namespace {

using nlohmann::ordered_json;

constexpr int kRepeats = 9;  // interleaved over the formats

struct BenchOptions {
  CommonOptions common;
  std::string shape = "4096x4096";
};

DecodeShape shapeOf(const std::string& text) {
  DecodeShape shape;
  char separator = 0;
  std::istringstream stream(text);
  stream >> shape.rows >> separator >> shape.cols;
  constexpr std::size_t kLargest = 65'536;
  if (!stream || (stream >> std::ws, !stream.eof()) || separator != 'x' || shape.rows == 0 || shape.cols == 0 ||
      shape.rows > kLargest || shape.cols > kLargest || shape.cols % 128 != 0)
    throw requestError("--shape", "expected OUTxIN, each at most 65536, IN a multiple of 128; got '" + text + "'");
  return shape;
}

std::string formatName(const DecodeTiming& timing) {
  switch (timing.format) {
    case DecodeFormat::F32:
      return "f32";
    case DecodeFormat::F16:
      return "f16";
    case DecodeFormat::Int8:
      return "int8";
    case DecodeFormat::Int4:
      return "int4";
  }
  return "";
}

ordered_json timingJson(const DecodeTiming& timing) {
  return {{"format", formatName(timing)},
          {"group_size", timing.format == DecodeFormat::Int4 ? ordered_json(timing.groupSize) : ordered_json(nullptr)},
          {"bytes", timing.bytesPerToken},
          {"seconds", timing.bestSeconds},
          {"median_seconds", timing.medianSeconds},
          {"worst_seconds", timing.worstSeconds},
          {"speedup", timing.speedup},
          {"speedup_low", timing.speedupLow},
          {"capped_at_bytes", timing.cappedAtBytes}};
}

void bench(const BenchOptions& options, const Environment& environment) {
  const std::vector<DecodeShape> shapes{shapeOf(options.shape)};
  const std::vector<DecodeVariant> variants{{DecodeFormat::F32, 0}, {DecodeFormat::Int8, 0}, {DecodeFormat::Int4, 128}};
  RunContext context = contextOf(environment, options.common);
  context.priority = WorkerPriority::Normal;
  std::vector<DecodeTiming> timings;
  inWorkerArena(context, [&] { timings = measureDecode(shapes, variants, kRepeats, context); });
  if (options.common.json) {
    ordered_json list = ordered_json::array();
    for (const DecodeTiming& timing : timings) list.push_back(timingJson(timing));
    printJson(ordered_json{{"shape", {shapes[0].rows, shapes[0].cols}},
                           {"threads", context.threadCount()},
                           {"repeats", kRepeats},
                           {"formats", std::move(list)}}
                  .dump(2));
    return;
  }
  TextTable table{.header = {"format", "bytes", "best us", "median us", "speedup over f16"}};
  for (const DecodeTiming& timing : timings)
    table.rows.push_back({formatName(timing), roundedText(timing.bytesPerToken, 12),
                          roundedText(timing.bestSeconds * 1e6, 4), roundedText(timing.medianSeconds * 1e6, 4),
                          (timing.cappedAtBytes ? ">=" : "") + roundedText(timing.speedup, 3)});
  std::cout << table.toPlainText();
}

}  // namespace

void addBenchCommand(CLI::App& app, std::optional<Action>& action) {
  CLI::App* command = app.add_subcommand("bench", "Measure the decode kernels on this machine");
  const auto options = std::make_shared<BenchOptions>();
  addCommonOptions(*command, options->common);
  command->add_option("--shape", options->shape, "OUTxIN")->capture_default_str();
  command->callback(
      [&action, options] { action = [options](const Environment& environment) { bench(*options, environment); }; });
}

}  // namespace qs::cli
