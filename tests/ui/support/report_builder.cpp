#include "report_builder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

namespace qs::test {
namespace {

Matrix normalWeights(const BuiltReport& what) {
  Matrix weights(what.rows, what.cols);
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0.0F, 0.05F);
  for (std::size_t r = 0; r < what.rows; ++r)
    for (std::size_t c = 0; c < what.cols; ++c) weights(r, c) = normal(random) * (c % 97 == 5 ? 4.0F : 1.0F);
  if (what.outlier != 0) weights(what.outlierRow, what.outlierCol) = what.outlier;
  return weights;
}

Histogram histogramOf(const Matrix& weights, double low, double high) {
  Histogram histogram{low, high, std::vector<std::uint64_t>(256)};
  for (const float value : weights.values()) {
    const auto bin = static_cast<std::ptrdiff_t>((static_cast<double>(value) - low) / histogram.binWidth());
    ++histogram.counts[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(bin, 0, 255))];
  }
  return histogram;
}

ChannelBands bandsOf(const Matrix& weights, const Matrix& quantized) {
  ChannelBands bands{.channels = weights.cols()};
  for (std::size_t c = 0; c < weights.cols(); ++c) {
    std::vector<float> column;
    double squares = 0;
    for (std::size_t r = 0; r < weights.rows(); ++r) {
      column.push_back(weights(r, c));
      squares += std::pow(static_cast<double>(quantized(r, c) - weights(r, c)), 2);
    }
    std::sort(column.begin(), column.end());
    bands.first.push_back(static_cast<std::uint32_t>(c));
    bands.minimum.push_back(column.front());
    bands.lowerQuartile.push_back(column[column.size() / 4]);
    bands.median.push_back(column[column.size() / 2]);
    bands.upperQuartile.push_back(column[column.size() * 3 / 4]);
    bands.maximum.push_back(column.back());
    bands.absMax.push_back(std::max(std::abs(column.front()), std::abs(column.back())));
    bands.error.push_back(static_cast<float>(std::sqrt(squares / static_cast<double>(weights.rows()))));
  }
  return bands;
}

std::vector<OutlierChannel> outliersOf(const ChannelBands& bands) {
  std::vector<std::uint32_t> order(bands.absMax.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return bands.absMax[a] > bands.absMax[b]; });
  const float median = bands.absMax[order[order.size() / 2]];
  std::vector<OutlierChannel> outliers;
  for (const std::uint32_t channel : order)
    if (bands.absMax[channel] > 2 * median && outliers.size() < 20)
      outliers.push_back({channel, bands.absMax[channel], bands.absMax[channel] / median});
  return outliers;
}

void describe(LayerReport& report, const Matrix& weights, const Matrix& quantized, double step) {
  const auto [low, high] = std::minmax_element(weights.values().begin(), weights.values().end());
  const auto from = static_cast<double>(*low);
  const auto to = static_cast<double>(*high);
  report.before = histogramOf(weights, from, to);
  report.after = histogramOf(quantized, from, to);
  report.channels = bandsOf(weights, quantized);
  report.outliers = outliersOf(report.channels);
  for (double level = std::ceil(from / step) * step; level <= to && report.levels.size() < 256; level += step)
    report.levels.push_back(static_cast<float>(level));
}

QuantizedTensor rounded(const Matrix& weights, double step) {
  QuantizedTensor tensor{.scheme = {.bits = 8, .symmetric = true, .groupSize = kPerTensor},
                         .rows = weights.rows(),
                         .cols = weights.cols(),
                         .scales = {static_cast<float>(step)}};
  for (const float value : weights.values()) {
    const double code = std::clamp(std::round(static_cast<double>(value) / step), -127.0, 127.0);
    tensor.codes.push_back(static_cast<std::uint8_t>(static_cast<std::int8_t>(code)));
  }
  return tensor;
}

}  // namespace

LayerPreviewPtr buildPreview(const BuiltReport& what) {
  auto weights = std::make_shared<LayerWeights>();
  weights->name = what.name;
  weights->values = normalWeights(what);
  weights->shape = {what.rows, what.cols};
  weights->pyramid = AbsMaxPyramid(weights->values.view(), {});
  auto preview = std::make_shared<LayerPreview>();
  preview->quantized = rounded(weights->values, what.step);
  const Matrix quantized = dequantize(preview->quantized);
  const WeightDescription description = describeWeights(weights->values.view(), {});
  static_cast<void>(
      compareWeights(weights->values.view(), preview->quantized, description, what.cols, {}, &preview->maps));
  preview->weights = weights;
  LayerReport& report = preview->report;
  report.name = what.name;
  report.shape = weights->shape;
  report.method = "gptq";
  describe(report, weights->values, quantized, what.step);
  report.metrics = {.weightMse = 3.1e-5, .weightSqnrDb = 30.2, .weightRelativeError = 0.0312};
  report.bitsPerWeight = 4.16;
  return preview;
}

LayerReportPtr buildReport(const BuiltReport& what) {
  return std::make_shared<LayerReport>(buildPreview(what)->report);
}

std::vector<LayerReportPtr> buildModel(int blocks) {
  constexpr std::array kLinears{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
  std::vector<LayerReportPtr> reports;
  for (int block = 0; block < blocks; ++block)
    for (std::size_t kind = 0; kind < kLinears.size(); ++kind) {
      LayerReport report;
      report.name = "model.layers." + std::to_string(block) + "." + kLinears[kind];
      report.bitsPerWeight = 4.16;
      const bool standsOut = block == blocks / 2 && kind == 6;
      const double error = 0.01 + 0.0004 * block + 0.001 * static_cast<double>(kind);
      reports.push_back(withError(std::move(report), standsOut ? 0.09 : error));
    }
  return reports;
}

std::vector<LayerReportPtr> buildModelWithHistograms(int blocks) {
  const LayerReportPtr drawn = buildReport({.rows = 64, .cols = 128});
  std::vector<LayerReportPtr> reports;
  for (const LayerReportPtr& plain : buildModel(blocks)) {
    auto report = std::make_shared<LayerReport>(*plain);
    report->before = drawn->before;
    report->after = drawn->after;
    reports.push_back(std::move(report));
  }
  return reports;
}

LayerReportPtr withError(LayerReport report, double error) {
  report.metrics.weightRelativeError = error;
  report.metrics.weightSqnrDb = -10 * std::log10(error);
  return std::make_shared<LayerReport>(std::move(report));
}

LayerReportPtr buildFailure(const std::string& name) {
  LayerReport report;
  report.name = name;
  report.error = "the Hessian is not positive definite, even with damping 0.1";
  return std::make_shared<LayerReport>(report);
}

bool occurs(const QImage& image, const QColor& color, int tolerance) {
  for (int y = 0; y < image.height(); ++y)
    for (int x = 0; x < image.width(); ++x) {
      const QRgb pixel = image.pixel(x, y);
      if (std::abs(qRed(pixel) - color.red()) <= tolerance && std::abs(qGreen(pixel) - color.green()) <= tolerance &&
          std::abs(qBlue(pixel) - color.blue()) <= tolerance)
        return true;
    }
  return false;
}

}  // namespace qs::test
