#include "core/exporters/reports/html_report.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "core/base/error.h"
#include "core/exporters/reports/svg_plot.h"
#include "core/exporters/reports/text_table.h"

namespace qs {

namespace {

using nlohmann::json;

constexpr std::size_t kLayersWithPlots = 8;  // the worst ones; every layer stands in the table and the bar chart

constexpr std::string_view kStyle =
    ":root{color-scheme:light dark}body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums;display:block;overflow-x:"
    "auto}"
    "th,td{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #8886}svg{width:100%;font-size:11px}"
    "svg text{fill:currentColor}.frame{fill:none;stroke:#8886}.bar{fill:#1883ff}.before{fill:#8a630055}"
    ".after{fill:none;stroke:#2818e0;stroke-width:1.4}@media(prefers-color-scheme:dark){.after{stroke:#66dcff}}";

double numberOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

std::string textOf(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_float()) return roundedText(found->get<double>(), 5);
  return found->dump();
}

std::string settingsOf(const json& object) {
  std::string text;
  const json settings = object.value("settings", json::object());
  for (const auto& [key, value] : settings.items())
    text += (text.empty() ? "" : " ") + key + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

std::vector<double> numbersOf(const json& object, const char* key) {
  std::vector<double> numbers;
  const json list = object.value(key, json::array());
  for (const json& value : list)
    numbers.push_back(value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  return numbers;
}

// A column of a table: its key in the report, and its heading.
struct Column {
  const char* key;
  const char* title;
};

constexpr Column kSettings{"settings", "Settings"};

std::string tableOf(const std::vector<Column>& columns, const json& rows) {
  std::string html = "<table><thead><tr>";
  for (const Column& column : columns) html += "<th>" + htmlEscaped(column.title) + "</th>";
  html += "</tr></thead><tbody>";
  for (const json& row : rows) {
    html += "<tr>";
    for (const Column& column : columns) {
      const bool isSettings = std::string_view(column.key) == kSettings.key;
      html += "<td>" + htmlEscaped(isSettings ? settingsOf(row) : textOf(row, column.key)) + "</td>";
    }
    html += "</tr>";
  }
  return html + "</tbody></table>";
}

// Whether a list of objects has a text or number under the key anywhere.
bool hasAny(const json& rows, const char* key) {
  return std::any_of(rows.begin(), rows.end(), [key](const json& row) { return !textOf(row, key).empty(); });
}

std::string page(const std::string& title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" + htmlEscaped(title) +
         "</title><style>" + std::string(kStyle) + "</style></head><body><h1>" + htmlEscaped(title) + "</h1>" + body +
         "</body></html>\n";
}

// Output error where the run has it, else weight error.
const char* errorKey(const json& layers) {
  for (const json& layer : layers)
    if (layer.contains("output_relative_error") && layer["output_relative_error"].is_number())
      return "output_relative_error";
  return "weight_relative_error";
}

std::string errorTitle(std::string_view key) {
  return key == "output_relative_error" ? "relative output error" : "relative weight error";
}

std::string layerPlots(const json& layer) {
  std::string html = "<h3>" + htmlEscaped(textOf(layer, "name")) + "</h3>";
  if (layer.contains("histogram") && layer["histogram"].is_object()) {
    const json& histogram = layer["histogram"];
    html += svgHistogram("Weights before (area) and after (outline)", numberOf(histogram, "low"),
                         numberOf(histogram, "high"), numbersOf(histogram, "before"), numbersOf(histogram, "after"));
  }
  const json curves = layer.value("curves", json::array());
  for (const json& curve : curves)
    html += svgLine(textOf(curve, "title"), textOf(curve, "x_label"), textOf(curve, "y_label"), numbersOf(curve, "x"),
                    numbersOf(curve, "y"));
  return html;
}

// Columns of the layers; settings and method only where a layer has others than the run.
std::string layerTable(const json& report, const json& layers) {
  std::vector<Column> columns{{"name", "Layer"}};
  const bool isMixed = std::any_of(layers.begin(), layers.end(), [&](const json& layer) {
    return settingsOf(layer) != settingsOf(report) || textOf(layer, "method") != textOf(report, "method");
  });
  if (isMixed) columns.insert(columns.end(), {{"method", "Method"}, kSettings});
  columns.insert(columns.end(), {{"bits_per_weight", "Bits/weight"},
                                 {"weight_sqnr_db", "SQNR (dB)"},
                                 {"weight_cosine", "Cosine"},
                                 {"weight_mse", "Weight MSE"},
                                 {"weight_max_abs_error", "Largest error"}});
  if (hasAny(layers, "output_relative_error")) columns.push_back({"output_relative_error", "Output error"});
  columns.push_back({"seconds", "Seconds"});
  if (hasAny(layers, "error")) columns.push_back({"error", "Failure"});
  return tableOf(columns, layers);
}

std::string runPage(const json& report) {
  const json& layers = report["layers"];
  const char* key = errorKey(layers);
  std::vector<SvgBar> bars;
  std::vector<const json*> worst;
  for (const json& layer : layers) {
    bars.push_back({textOf(layer, "name"), numberOf(layer, key)});
    if (numberOf(layer, key) >= 0) worst.push_back(&layer);
  }
  std::stable_sort(worst.begin(), worst.end(),
                   [key](const json* a, const json* b) { return numberOf(*a, key) > numberOf(*b, key); });
  worst.resize(std::min(worst.size(), kLayersWithPlots));
  std::string body = "<p>" + htmlEscaped(settingsOf(report)) + "</p>" +
                     tableOf({{"parameters", "Parameters"},
                              {"original_bytes", "Original bytes"},
                              {"quantized_bytes", "Quantized bytes"},
                              {"bits_per_weight", "Bits/weight"},
                              {"seconds", "Seconds"}},
                             json::array({report.value("total", json::object())})) +
                     "<h2>Error of every layer</h2>" + svgBars("Error of every layer", errorTitle(key), bars) +
                     layerTable(report, layers) + "<h2>Layers with the largest error</h2>";
  for (const json* layer : worst) body += layerPlots(*layer);
  return page(textOf(report, "method") + " on " + textOf(report, "model"), body);
}

std::string comparisonPage(const json& report) {
  json rows = report["rows"];
  constexpr double kMegabyte = 1e6;
  std::vector<SvgPoint> points;
  std::vector<SvgBar> errors;
  std::vector<SvgBar> speedups;
  for (json& row : rows) {
    const std::string method = textOf(row, "method");
    const SvgPoint point{method, numberOf(row, "size_bytes") / kMegabyte, numberOf(row, "perplexity")};
    if (point.x >= 0 && point.y >= 0) points.push_back(point);
    if (const double error = numberOf(row, "mean_output_relative_error"); error > 0) errors.push_back({method, error});
    if (const double speedup = numberOf(row, "decode_speedup"); speedup > 0) speedups.push_back({method, speedup});
    if (row.value("decode_speedup_is_least", false)) row["decode_speedup"] = "≥ " + textOf(row, "decode_speedup");
  }
  std::string body;
  if (!points.empty()) body += svgTradeOff("Perplexity over size", "size (MB)", "perplexity", points);
  if (!errors.empty()) body += svgBars("Mean output error", "relative output error", errors);
  if (!speedups.empty()) body += svgBars("Decoding speed, times that of F16 weights", "speed-up", speedups);
  body += tableOf({{"method", "Method"},
                   {"size_bytes", "Bytes"},
                   {"bits_per_weight", "Bits/weight"},
                   {"perplexity", "Perplexity"},
                   {"mean_kl_divergence", "KL divergence"},
                   {"top1_agreement", "Top-1"},
                   {"mean_output_relative_error", "Output error"},
                   {"decode_speedup", "Speed-up"},
                   {"seconds", "Seconds"},
                   {"status", "Status"},
                   {"error", "Failure"},
                   kSettings},
                  rows);
  return page("Comparison on " + textOf(report, "model"), body);
}

bool isListOfObjects(const json& report, const char* key) {
  const auto found = report.find(key);
  return found != report.end() && found->is_array() &&
         std::all_of(found->begin(), found->end(), [](const json& entry) { return entry.is_object(); });
}

}  // namespace

std::string htmlReport(const json& report, const std::string& file) {
  if (report.is_object()) {
    try {
      if (isListOfObjects(report, "layers")) return runPage(report);
      if (isListOfObjects(report, "rows")) return comparisonPage(report);
    } catch (const json::exception& fault) {
      throw inputError(file, std::string("damaged report: ") + fault.what());
    }
  }
  throw inputError(file, "is no report of a run (layers) or of a comparison (rows)");
}

}  // namespace qs
