#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/session/audit/audit_report.h"
#include "core/tensor/matrix.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/temp_folder.h"

namespace qs::test {

// A llama of two blocks whose linears are rounded to 4 bits without our methods and exporters, so that faults can be
// planted anywhere between.
inline constexpr std::size_t kHidden = 64;
inline constexpr std::size_t kInner = 96;
inline constexpr std::size_t kVocabulary = 48;
inline constexpr std::size_t kHeads = 4;
inline constexpr std::size_t kHeadRows = kHidden / kHeads;
inline constexpr std::size_t kGroup = 32;
inline constexpr const char* kUp = "model.layers.0.mlp.up_proj";
inline constexpr const char* kDown = "model.layers.1.mlp.down_proj";
inline constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";
inline constexpr const char* kNorm = "model.layers.0.post_attention_layernorm.weight";
inline constexpr const char* kHead = "lm_head.weight";
inline constexpr const char* kEmbedding = "model.embed_tokens.weight";

[[nodiscard]] nlohmann::json gptqConfig();
[[nodiscard]] nlohmann::json awqConfig();

using Tensors = std::map<std::string, Matrix>;

/// Bell-shaped, as weights are; outputs and inputs differ in size, so that a scale has its place.
[[nodiscard]] Matrix weights(std::size_t rows, std::size_t cols, unsigned seed);
[[nodiscard]] Tensors makeModel();
[[nodiscard]] bool isLinear(const std::string& tensor);

using PackLayer = void (*)(CheckpointBuilder&, const std::string&, const FourBitLayer&);

/// What a fault does to the checkpoint that is written.
struct Fault {
  std::function<void(Tensors&)> tensors = [](Tensors&) {};                                   // before rounding
  std::function<void(const std::string&, FourBitLayer&)> layer = [](const auto&, auto&) {};  // before packing
  std::function<void(CheckpointBuilder&)> extra = [](CheckpointBuilder&) {};
  std::vector<std::string> untouched;  // linears that are stored plainly
  bool isTied = false;
};

/// A fault in the rounded codes and scales of one layer.
[[nodiscard]] Fault inLayer(const char* wanted, std::function<void(FourBitLayer&)> change);

/// The folding of AWQ and SmoothQuant: columns times s, what stands before divided by s.
void fold(Tensors& model, const std::string& before, bool isNorm, const std::vector<std::string>& readers);

/// The model with a fault, written, and audited against what it was made of.
struct Audited {
  TempFolder folder;
  std::map<std::string, double> expected;  ///< SQNR of linears
  AuditReport report;

  Audited(PackLayer pack, const nlohmann::json& quantization, const Fault& fault, bool withConfig = true,
          int threads = 2);

  [[nodiscard]] const TensorAudit& tensor(const std::string& name) const;
  /// All faults, a line each.
  [[nodiscard]] std::string faults() const;
};

/// A fault, and by what name it has to be found at which tensor.
struct Planted {
  Fault fault;
  PackLayer pack = addGptqLayer;
  std::string tensor;
  FaultKind kind = FaultKind::LargeError;
};

/// Empty where the fault is found as planted, and nothing else is.
[[nodiscard]] std::string whyNotNamed(const Planted& planted);

}  // namespace qs::test
