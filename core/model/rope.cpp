#include "core/model/rope.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "core/base/error.h"

namespace qs {

namespace {

constexpr std::size_t kLargestContext = std::size_t{1} << 28U;

/// Newer files hold everything in rope_parameters, older ones the scaling in rope_scaling and the base beside it.
std::optional<ConfigFields> scalingOf(const ConfigFields& fields) {
  if (auto parameters = fields.object("rope_parameters")) return parameters;
  return fields.object("rope_scaling");
}

std::string typeOf(const ConfigFields& scaling) {
  if (auto type = scaling.text("rope_type")) return *type;
  return scaling.text("type").value_or("default");
}

void readLlama3(const ConfigFields& scaling, RopeConfig& rope) {
  rope.lowFrequencyFactor = scaling.positive("low_freq_factor", 1.0);
  rope.highFrequencyFactor = scaling.positive("high_freq_factor", 4.0);
  if (rope.highFrequencyFactor <= rope.lowFrequencyFactor) scaling.refuse("high_freq_factor", "above low_freq_factor");
  rope.originalContext = scaling.requireSize("original_max_position_embeddings", kLargestContext);
}

std::vector<double> factorsOf(const ConfigFields& scaling, const char* key) {
  std::vector<double> factors = scaling.numbers(key).value_or(std::vector<double>{});
  if (factors.empty()) scaling.refuse(key, "a list of numbers");
  for (const double factor : factors)
    if (!(factor > 0)) scaling.refuse(key, "numbers above 0");
  return factors;
}

void readLongRope(const ConfigFields& fields, const ConfigFields& scaling, std::size_t context, RopeConfig& rope) {
  rope.originalContext =
      fields.size("original_max_position_embeddings", kLargestContext)
          .value_or(scaling.size("original_max_position_embeddings", kLargestContext).value_or(context));
  rope.shortFactors = factorsOf(scaling, "short_factor");
  rope.longFactors = factorsOf(scaling, "long_factor");
  const auto original = static_cast<double>(rope.originalContext);
  const double ratio = static_cast<double>(context) / original;
  const double standard = ratio <= 1.0 ? 1.0 : std::sqrt(1.0 + std::log(ratio) / std::log(original));
  rope.attentionFactor = scaling.positive("attention_factor", standard);
}

double llama3Frequency(double frequency, const RopeConfig& rope) {
  const double turns = static_cast<double>(rope.originalContext) * frequency / (2.0 * std::numbers::pi);
  if (turns < rope.lowFrequencyFactor) return frequency / rope.factor;
  if (turns > rope.highFrequencyFactor) return frequency;
  const double smooth = (turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return (1.0 - smooth) * frequency / rope.factor + smooth * frequency;
}

std::vector<double> divided(std::vector<double> frequencies, const std::vector<double>& factors,
                            const std::string& subject) {
  if (factors.size() != frequencies.size())
    throw mismatchError(subject, "longrope factors", std::to_string(frequencies.size()),
                        std::to_string(factors.size()));
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= factors[i];
  return frequencies;
}

}  // namespace

RopeConfig parseRope(const ConfigFields& fields, double defaultTheta, double defaultPartial,
                     std::size_t contextLength) {
  RopeConfig rope;
  const std::optional<ConfigFields> scaling = scalingOf(fields);
  const auto either = [&](const char* key, double fallback) {
    const double outer = fields.positive(key, fallback);
    return scaling ? scaling->positive(key, outer) : outer;
  };
  rope.theta = either("rope_theta", defaultTheta);
  rope.partialFactor = either("partial_rotary_factor", defaultPartial);
  if (rope.partialFactor > 1.0) fields.refuse("partial_rotary_factor", "a number from 0 to 1");
  if (!scaling) return rope;
  rope.type = typeOf(*scaling);
  if (rope.type == "su") rope.type = "longrope";  // its name in the first Phi-3 files
  if (rope.type == "default") return rope;
  rope.factor = scaling->positive("factor", 1.0);
  if (rope.type == "llama3") {
    readLlama3(*scaling, rope);
  } else if (rope.type == "longrope") {
    readLongRope(fields, *scaling, contextLength, rope);
  } else if (rope.type != "linear" && rope.type != "dynamic") {
    throw inputError(fields.subject(), "rope type \"" + rope.type +
                                           "\" is not supported (supported: default, linear, dynamic, llama3, "
                                           "longrope), so the model can't be run");
  }
  return rope;
}

RopeSpec makeRope(const RopeConfig& config, std::size_t headDim, const std::string& subject) {
  RopeSpec rope;
  rope.dims = static_cast<std::size_t>(static_cast<double>(headDim) * config.partialFactor);
  if (rope.dims < 2 || rope.dims % 2 != 0)
    throw mismatchError(subject, "rotated dimensions of a head", "an even number from 2", std::to_string(rope.dims));
  rope.attentionFactor = config.attentionFactor;
  for (std::size_t i = 0; i < rope.dims; i += 2)
    rope.frequencies.push_back(std::pow(config.theta, -static_cast<double>(i) / static_cast<double>(rope.dims)));
  if (config.type == "longrope") {
    rope.longFrequencies = divided(rope.frequencies, config.longFactors, subject);
    rope.frequencies = divided(rope.frequencies, config.shortFactors, subject);
    rope.longBeyond = config.originalContext;
  }
  // "dynamic" changes the base only beyond the context that the model was trained for, which is never exceeded here.
  for (double& frequency : rope.frequencies) {
    if (config.type == "linear") frequency /= config.factor;
    if (config.type == "llama3") frequency = llama3Frequency(frequency, config);
  }
  return rope;
}

}  // namespace qs
