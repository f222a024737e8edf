#pragma once

#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/io/checkpoint.h"
#include "core/quant/method_info.h"
#include "core/session/quant_request.h"

namespace qs::cli {

/// The parameters of every method as options of a command, made from their ParamSpecs: --group-size 64, --act-order,
/// --no-act-order. Which of them a method has is known once it is chosen.
class MethodOptions {
 public:
  /// Adds the options; must outlive the parsing.
  void addTo(CLI::App& command);

  /// What was given, by key.
  [[nodiscard]] const std::map<std::string, std::string>& given() const;
  /// What was given as settings of the method. Throws Error (Request) for an option that the method doesn't have,
  /// unless `ignoreUnknown`, and for a value out of range.
  [[nodiscard]] Settings settingsFor(const MethodInfo& method, bool ignoreUnknown) const;

 private:
  void addSwitch(CLI::App& command, const ParamSpec& spec);
  void addFlag(CLI::App& command, const std::string& name, const std::string& key, bool meaning,
               const std::string& help);

  std::map<std::string, std::string> m_given;
};

/// Options that say what to quantize and how, shared by `quantize` and `compare`.
struct RequestOptions {
  std::vector<std::string> layers;
  std::vector<std::string> overrides;
  std::vector<std::string> shareInput;
  std::string recipe;
  std::string calibration;
  int holdOut = 0;
  bool sequential = false;
  MethodOptions parameters;

  void addTo(CLI::App& command);
  /// Everything but method, settings and overrides.
  void applyTo(QuantRequest& request) const;
  /// Throws Error (Request) where a glob of --layers, --override or --share-input names no layer of the model; a
  /// recipe's overrides may be for other models too.
  void requireMatches(const Checkpoint& model, const QuantRequest& request) const;
  /// Throws Error (Request) where --sequential is given and nothing is calibrated by running the model.
  static void requireSequentialUse(const QuantRequest& request);
  /// Makes the request calibrate by running the model over `text`, or over `builtIn` where `text` is empty and its
  /// methods need calibration, unless an activations file is given. A model that can't be run is left without.
  void chooseCalibration(const Checkpoint& model, const std::string& text, const std::filesystem::path& builtIn,
                         QuantRequest& request) const;
};

}  // namespace qs::cli
