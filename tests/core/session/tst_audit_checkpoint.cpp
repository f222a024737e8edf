#include <QtTest>

#include <cmath>
#include <functional>
#include <random>

#include "core/base/error.h"
#include "core/base/parallel.h"
#include "core/io/reader_registry.h"
#include "core/session/audit/audit_checkpoint.h"
#include "tests/support/checkpoint_builder.h"

using namespace qs;
using namespace qs::test;
using Json = nlohmann::json;

namespace {

constexpr std::size_t kHidden = 64;
constexpr std::size_t kInner = 96;
constexpr std::size_t kVocabulary = 48;
constexpr std::size_t kHeads = 4;
constexpr std::size_t kHeadRows = kHidden / kHeads;
constexpr std::size_t kGroup = 32;
constexpr const char* kUp = "model.layers.0.mlp.up_proj";
constexpr const char* kDown = "model.layers.1.mlp.down_proj";
constexpr const char* kQuery = "model.layers.0.self_attn.q_proj";
constexpr const char* kNorm = "model.layers.0.post_attention_layernorm.weight";
constexpr const char* kHead = "lm_head.weight";
constexpr const char* kEmbedding = "model.embed_tokens.weight";

Json llamaConfig(bool isTied) {
  return {{"model_type", "llama"},         {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", kVocabulary},     {"hidden_size", kHidden},
          {"intermediate_size", kInner},   {"num_hidden_layers", 2},
          {"num_attention_heads", kHeads}, {"num_key_value_heads", kHeads},
          {"max_position_embeddings", 64}, {"hidden_act", "silu"},
          {"rms_norm_eps", 1e-5},          {"tie_word_embeddings", isTied}};
}

Json gptqConfig() {
  return {{"quant_method", "gptq"}, {"bits", 4}, {"group_size", kGroup}, {"desc_act", false}, {"sym", false}};
}

Json awqConfig() {
  return {{"quant_method", "awq"}, {"bits", 4}, {"group_size", kGroup}, {"zero_point", true}, {"version", "gemm"}};
}

using Tensors = std::map<std::string, Matrix>;

// Bell-shaped, as weights are; outputs and inputs differ in size, so that a scale has its place.
Matrix weights(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Matrix values(rows, cols);
  for (std::size_t r = 0; r < rows; ++r) {
    const float size = 0.02F * std::exp(0.8F * normal(random));
    for (float& value : values.row(r)) value = size * normal(random);
  }
  for (std::size_t c = 0; c < cols; ++c) {
    const float size = std::exp(0.5F * std::sin(static_cast<float>(c / kGroup) * 2.0F + static_cast<float>(seed)));
    for (std::size_t r = 0; r < rows; ++r) values(r, c) *= size;
  }
  return values;
}

bool isLinear(const std::string& tensor) { return tensor.ends_with("_proj.weight"); }
std::string layerOf(const std::string& tensor) { return tensor.substr(0, tensor.size() - 7); }

Tensors makeModel() {
  Tensors model;
  unsigned seed = 1;
  model[kEmbedding] = weights(kVocabulary, kHidden, seed++);
  model[kHead] = weights(kVocabulary, kHidden, seed++);
  const auto norm = [&] {
    Matrix values = weights(1, kHidden, seed++);
    for (float& value : values.values()) value = 1.0F + value;
    return values;
  };
  model["model.norm.weight"] = norm();
  for (const std::string block : {"model.layers.0.", "model.layers.1."}) {
    model[block + "input_layernorm.weight"] = norm();
    model[block + "post_attention_layernorm.weight"] = norm();
    for (const char* name : {"q", "k", "v", "o"})
      model[block + "self_attn." + name + "_proj.weight"] = weights(kHidden, kHidden, seed++);
    for (const char* name : {"gate", "up"})
      model[block + "mlp." + name + "_proj.weight"] = weights(kInner, kHidden, seed++);
    model[block + "mlp.down_proj.weight"] = weights(kHidden, kInner, seed++);
  }
  return model;
}

void addPlain(CheckpointBuilder& builder, const std::string& name, const Matrix& values, bool asHalves) {
  const bool isVector = values.rows() == 1;
  const std::vector<std::size_t> shape =
      isVector ? std::vector{values.cols()} : std::vector{values.rows(), values.cols()};
  const std::vector<float> all(values.values().begin(), values.values().end());
  asHalves ? builder.addHalves(name, shape, all) : builder.addFloats(name, shape, all);
}

using PackLayer = void (*)(CheckpointBuilder&, const std::string&, const FourBitLayer&);

// What a fault does to the checkpoint that is written.
struct Fault {
  std::function<void(Tensors&)> tensors = [](Tensors&) {};                                   // before rounding
  std::function<void(const std::string&, FourBitLayer&)> layer = [](const auto&, auto&) {};  // before packing
  std::function<void(CheckpointBuilder&)> extra = [](CheckpointBuilder&) {};
  std::vector<std::string> untouched;  // linears that are stored plainly
  bool isTied = false;
};

// SQNR of the decoded codes with each weight's folding undone exactly.
double expectedSqnr(const FourBitLayer& layer, const Matrix& original, const Matrix& changed) {
  double signal = 0;
  double noise = 0;
  for (std::size_t r = 0; r < layer.rows; ++r)
    for (std::size_t c = 0; c < layer.cols; ++c) {
      const std::size_t unit = r * layer.groups() + c / layer.group;
      const double decoded = (layer.codes[r * layer.cols + c] - layer.zeros[unit]) * double{layer.scales[unit]};
      const double value{original(r, c)};
      const double error = decoded * value / double{changed(r, c)} - value;
      signal += value * value;
      noise += error * error;
    }
  return 10 * std::log10(signal / noise);
}

struct Audited {
  TempFolder folder;
  std::map<std::string, double> expected;  // SQNR of linears
  AuditReport report;

  Audited(PackLayer pack, const Json& quantization, const Fault& fault, bool withConfig = true, int threads = 2) {
    const Tensors model = makeModel();
    CheckpointBuilder original;
    for (const auto& [name, values] : model)
      if (!fault.isTied || name != kHead) addPlain(original, name, values, false);
    const Json config = llamaConfig(fault.isTied);
    const auto opened = original.open(folder.path() / "original", withConfig ? config : Json());

    Tensors changed = model;
    fault.tensors(changed);
    CheckpointBuilder builder;
    for (const auto& [name, values] : changed) {
      if (fault.isTied && name == kHead && model.at(kHead) == values) continue;
      if (!isLinear(name) || std::ranges::find(fault.untouched, layerOf(name)) != fault.untouched.end()) {
        addPlain(builder, name, values, true);
        continue;
      }
      FourBitLayer layer = roundToFourBits(values, kGroup);
      if (model.contains(name)) expected[name] = expectedSqnr(layer, model.at(name), values);
      fault.layer(layerOf(name), layer);
      pack(builder, layerOf(name), layer);
    }
    fault.extra(builder);
    Json quantized = config;
    quantized["quantization_config"] = quantization;
    const auto checkpoint = builder.open(folder.path() / "quantized", quantized);
    const RunContext context{.threads = threads};
    inWorkerArena(context, [&] { report = auditCheckpoint(*opened, *checkpoint, context); });
  }

  [[nodiscard]] const TensorAudit& tensor(const std::string& name) const {
    for (const TensorAudit& tensor : report.tensors)
      if (tensor.name == name) return tensor;
    qFatal("no tensor %s", name.c_str());
  }
  [[nodiscard]] QByteArray faults() const {
    std::string text;
    for (const TensorAudit& tensor : report.tensors)
      for (const AuditFault& fault : tensor.faults)
        text += tensor.name + ": " + std::string(faultId(fault.kind)) + ": " + fault.message + "\n";
    return QByteArray::fromStdString(text);
  }
};

struct Planted {
  Fault fault;
  PackLayer pack = addGptqLayer;
  std::string tensor;
  FaultKind kind = FaultKind::LargeError;
};

// Fields of each word of eight in another order, along the outputs (AWQ) or the inputs (GPTQ).
void reorder(FourBitLayer& layer, const std::array<std::size_t, 8>& from, bool alongOutputs) {
  const FourBitLayer before = layer;
  const std::size_t groups = layer.groups();
  for (std::size_t o = 0; o < layer.rows; ++o) {
    const std::size_t row = alongOutputs ? o / 8 * 8 + from[o % 8] : o;
    for (std::size_t k = 0; k < layer.cols; ++k)
      layer.codes[o * layer.cols + k] = before.codes[row * layer.cols + (alongOutputs ? k : k / 8 * 8 + from[k % 8])];
    for (std::size_t g = 0; g < groups; ++g) layer.zeros[o * groups + g] = before.zeros[row * groups + g];
  }
}

void only(const char* wanted, const std::string& name, const std::function<void()>& change) {
  if (name == wanted) change();
}

// The rows of heads as GGUF's architecture "llama" has them: new row 2i = old row i, 2i+1 = old row i + D/2.
Matrix interleavedHeads(const Matrix& values) {
  Matrix result = values;
  for (std::size_t r = 0; r < values.rows(); ++r) {
    const std::size_t within = r % kHeadRows;
    const std::size_t target = r - within + (within < kHeadRows / 2 ? 2 * within : 2 * (within - kHeadRows / 2) + 1);
    std::ranges::copy(values.row(r), result.row(target).begin());
  }
  return result;
}

Fault inLayer(const char* wanted, std::function<void(FourBitLayer&)> change) {
  Fault fault;
  fault.layer = [wanted, change = std::move(change)](const std::string& name, FourBitLayer& layer) {
    only(wanted, name, [&] { change(layer); });
  };
  return fault;
}

// Groups along the outputs: scale and zero point of 32 outputs and one input, stored as if they were the others'.
void cutAlongOutputs(FourBitLayer& layer, const Matrix& values) {
  Matrix turned(values.cols(), values.rows());
  for (std::size_t r = 0; r < values.rows(); ++r)
    for (std::size_t c = 0; c < values.cols(); ++c) turned(c, r) = values(r, c);
  const FourBitLayer other = roundToFourBits(turned, kGroup);
  layer.scales = other.scales;
  layer.zeros = other.zeros;
  for (std::size_t r = 0; r < layer.rows; ++r)
    for (std::size_t c = 0; c < layer.cols; ++c) layer.codes[r * layer.cols + c] = other.codes[c * layer.rows + r];
}

// The folding of AWQ and SmoothQuant: columns times s, what stands before divided by s.
void fold(Tensors& model, const std::string& before, bool isNorm, const std::vector<std::string>& readers) {
  const std::size_t size = isNorm ? model.at(before).cols() : model.at(before).rows();
  for (std::size_t i = 0; i < size; ++i) {
    const float s = std::exp(1.2F * std::sin(static_cast<float>(i) * 1.7F));
    if (isNorm)
      model.at(before)(0, i) /= s;
    else
      for (float& value : model.at(before).row(i)) value /= s;
    for (const std::string& reader : readers)
      for (std::size_t r = 0; r < model.at(reader).rows(); ++r) model.at(reader)(r, i) *= s;
  }
}

void foldEverywhere(Tensors& model) {
  for (const std::string block : {"model.layers.0.", "model.layers.1."}) {
    const std::string attention = block + "self_attn.";
    const std::string mlp = block + "mlp.";
    fold(model, block + "input_layernorm.weight", true,
         {attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight"});
    fold(model, attention + "v_proj.weight", false, {attention + "o_proj.weight"});
    fold(model, block + "post_attention_layernorm.weight", true, {mlp + "gate_proj.weight", mlp + "up_proj.weight"});
    fold(model, mlp + "up_proj.weight", false, {mlp + "down_proj.weight"});
  }
}

}  // namespace

Q_DECLARE_METATYPE(Planted)

class TestAuditCheckpoint : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aSoundCheckpointHasNoFault_data() {
    QTest::addColumn<bool>("isAwq");
    QTest::addColumn<bool>("isFolded");
    QTest::addColumn<bool>("isTied");
    QTest::newRow("GPTQ") << false << false << false;
    QTest::newRow("GPTQ with a tied head") << false << false << true;
    QTest::newRow("AWQ") << true << false << false;
    QTest::newRow("AWQ with its scales folded into norms and linears") << true << true << false;
  }
  void aSoundCheckpointHasNoFault() {
    QFETCH(bool, isAwq);
    QFETCH(bool, isFolded);
    QFETCH(bool, isTied);
    Fault none;
    if (isFolded) none.tensors = foldEverywhere;
    none.isTied = isTied;
    const Audited audited(isAwq ? addAwqLayer : addGptqLayer, isAwq ? awqConfig() : gptqConfig(), none);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults());
    for (const TensorAudit& tensor : audited.report.tensors) {
      if (!tensor.figures) continue;
      // A folded scale is found from weights that were rounded to 4 bits, in rows of 64 to 96.
      const double allowed = isFolded ? 0.7 : 1e-3;
      if (isLinear(tensor.name))
        QVERIFY2(std::abs(tensor.figures->sqnrDb - audited.expected.at(tensor.name)) < allowed, tensor.name.c_str());
      else
        QVERIFY2(tensor.figures->cosine > 0.98, tensor.name.c_str());
      QCOMPARE(!tensor.note.empty(),
               isFolded && (isLinear(tensor.name) || tensor.name.find("layernorm") != std::string::npos));
    }
  }

  void figuresAreThoseOfTheDecodedWeights() {
    const Audited audited(addGptqLayer, gptqConfig(), {});
    const Matrix original = makeModel().at(std::string(kUp) + ".weight");
    const FourBitLayer layer = roundToFourBits(original, kGroup);
    double signal = 0;
    double noise = 0;
    double largest = 0;
    for (std::size_t r = 0; r < layer.rows; ++r)
      for (std::size_t c = 0; c < layer.cols; ++c) {
        const std::size_t unit = r * layer.groups() + c / kGroup;
        const double decoded = (layer.codes[r * layer.cols + c] - layer.zeros[unit]) * double{layer.scales[unit]};
        signal += double{original(r, c)} * double{original(r, c)};
        noise += (decoded - double{original(r, c)}) * (decoded - double{original(r, c)});
        largest = std::max(largest, std::abs(decoded - double{original(r, c)}));
      }
    const TensorAudit& tensor = audited.tensor(std::string(kUp) + ".weight");
    constexpr double kFloatError = 1e-5;  // weights are decoded in F32
    QVERIFY(std::abs(tensor.figures->sqnrDb - 10 * std::log10(signal / noise)) < 1e-3);
    QVERIFY(std::abs(tensor.figures->maxAbsError - largest) < kFloatError);
    // 4 bits, an F16 scale and 4 bits of zero point each 32 weights, 32 bits of group index an input.
    QVERIFY(std::abs(tensor.bitsPerWeight - (4 + 20.0 / 32 + 32.0 / kInner)) < 1e-9);
  }

  void aPlantedFaultIsNamed_data() {
    QTest::addColumn<Planted>("planted");
    const std::string up = std::string(kUp) + ".weight";
    const std::string down = std::string(kDown) + ".weight";
    const std::string query = std::string(kQuery) + ".weight";
    const auto row = [](const char* name, Planted planted) { QTest::newRow(name) << std::move(planted); };
    row("zero points one too high, GPTQ", {inLayer(kUp,
                                                   [](FourBitLayer& l) {
                                                     for (auto& z : l.zeros) z = (z + 1) % 16;
                                                   }),
                                           addGptqLayer, up, FaultKind::ZeroPointOffByOne});
    row("zero points one too low, AWQ", {inLayer(kDown,
                                                 [](FourBitLayer& l) {
                                                   for (auto& z : l.zeros) --z;
                                                 }),
                                         addAwqLayer, down, FaultKind::ZeroPointOffByOne});
    row("codes with their highest bit turned over", {inLayer(kUp,
                                                             [](FourBitLayer& l) {
                                                               for (auto& c : l.codes) c ^= 8U;
                                                             }),
                                                     addGptqLayer, up, FaultKind::CodeSign});
    row("AWQ without its interleaving", {inLayer(kUp,
                                                 [](FourBitLayer& l) {
                                                   reorder(l, {0, 2, 4, 6, 1, 3, 5, 7}, true);
                                                 }),
                                         addAwqLayer, up, FaultKind::NibbleOrder});
    row("GPTQ with nibbles of a byte swapped", {inLayer(kDown,
                                                        [](FourBitLayer& l) {
                                                          reorder(l, {1, 0, 3, 2, 5, 4, 7, 6}, false);
                                                        }),
                                                addGptqLayer, down, FaultKind::NibbleOrder});
    row("scales written [out, groups]", {inLayer(kUp,
                                                 [](FourBitLayer& l) {
                                                   const FourBitLayer before = l;
                                                   for (std::size_t u = 0; u < l.scales.size(); ++u)
                                                     l.scales[u % l.rows * l.groups() + u / l.rows] = before.scales[u];
                                                 }),
                                         addGptqLayer, up, FaultKind::GroupAxis});
    row("groups cut along the outputs", {inLayer(kQuery,
                                                 [](FourBitLayer& l) {
                                                   cutAlongOutputs(l, makeModel().at(std::string(kQuery) + ".weight"));
                                                   // stored [in, out / 32], read [out, in / 32]
                                                 }),
                                         addGptqLayer, query, FaultKind::GroupAxis});
    Fault permuted;
    permuted.tensors = [query](Tensors& model) { model.at(query) = interleavedHeads(model.at(query)); };
    row("q in the other rotary layout", {permuted, addGptqLayer, query, FaultKind::HeadPermutation});
    row("scales of the next group", {inLayer(kDown,
                                             [](FourBitLayer& l) {
                                               const FourBitLayer before = l;
                                               for (std::size_t u = 0; u < l.scales.size(); ++u)
                                                 l.scales[u] = before.scales[u / 3 * 3 + (u + 1) % 3];
                                             }),
                                     addGptqLayer, down, FaultKind::ScalePlacement});
    row("scales of another layer",
        {inLayer(kUp,
                 [](FourBitLayer& l) {
                   l.scales = roundToFourBits(makeModel().at("model.layers.0.mlp.gate_proj.weight"), kGroup).scales;
                 }),
         addGptqLayer, up, FaultKind::ScalePlacement});
    row("scales that are all too large", {inLayer(kUp,
                                                  [](FourBitLayer& l) {
                                                    for (auto& s : l.scales) s *= 4.0F;
                                                  }),
                                          addAwqLayer, up, FaultKind::ScalePlacement});
    Fault unfolded;
    unfolded.tensors = [](Tensors& model) {
      const Matrix norm = model.at(kNorm);
      fold(model, kNorm, true, {"model.layers.0.mlp.gate_proj.weight", std::string(kUp) + ".weight"});
      model.at(kNorm) = norm;
    };
    row("an input scale that the norm doesn't undo", {unfolded, addAwqLayer, up, FaultKind::ScalePlacement});
    row("a scale that is NaN",
        {inLayer(kUp, [](FourBitLayer& l) { l.scales[5] = std::nanf(""); }), addGptqLayer, up, FaultKind::BadScale});
    row("a scale that is zero",
        {inLayer(kUp, [](FourBitLayer& l) { l.scales[7] = 0; }), addAwqLayer, up, FaultKind::BadScale});
    Fault missing;
    missing.tensors = [](Tensors& model) { model.erase(kNorm); };
    row("a norm that is missing", {missing, addGptqLayer, kNorm, FaultKind::Missing});
    Fault extra;
    extra.extra = [](CheckpointBuilder& b) { b.addFloats("model.layers.0.mlp.side.weight", {2, 2}, {1, 2, 3, 4}); };
    row("a tensor too many", {extra, addGptqLayer, "model.layers.0.mlp.side.weight", FaultKind::Extra});
    Fault untouched;
    untouched.untouched = {kDown};
    row("a layer that stayed unquantized", {untouched, addGptqLayer, down, FaultKind::Untouched});
    Fault tied;
    tied.isTied = true;
    tied.tensors = [](Tensors& model) {
      model.at(kHead) = model.at(kEmbedding);
      for (float& value : model.at(kHead).values()) value = 0.02F * std::nearbyint(value / 0.02F);
    };
    row("a tied head stored apart", {tied, addGptqLayer, kHead, FaultKind::TiedHead});
    Fault changed;
    changed.tensors = [](Tensors& model) { model.at(kNorm)(0, 3) += 1.0F; };
    row("a norm with another value", {changed, addGptqLayer, kNorm, FaultKind::Changed});
    Fault shape;
    shape.tensors = [](Tensors& model) { model.at(kEmbedding) = weights(kVocabulary + 1, kHidden, 1); };
    row("an embedding with a row too many", {shape, addGptqLayer, kEmbedding, FaultKind::ShapeMismatch});
    Fault noise;
    noise.tensors = [up](Tensors& model) { model.at(up) = weights(kInner, kHidden, 99); };
    row("a layer of another model", {noise, addGptqLayer, up, FaultKind::LargeError});
  }
  void aPlantedFaultIsNamed() {
    QFETCH(Planted, planted);
    const bool isAwq = planted.pack == addAwqLayer;
    const Audited audited(planted.pack, isAwq ? awqConfig() : gptqConfig(), planted.fault);
    const TensorAudit& tensor = audited.tensor(planted.tensor);
    QVERIFY2(tensor.faults.size() == 1, audited.faults());
    QVERIFY2(tensor.faults.front().kind == planted.kind, audited.faults());
    QVERIFY(!tensor.faults.front().message.empty());
    const std::size_t readers = planted.fault.tensors && planted.kind == FaultKind::ScalePlacement ? 2 : 1;
    QVERIFY2(audited.report.faultCount() <= readers, audited.faults());
  }

  void aLayerThatTheConfigurationLeavesOutIsNoFault() {
    Fault untouched;
    untouched.untouched = {kDown};
    Json config = gptqConfig();
    config["dynamic"] = {{"-:.*down_proj", Json::object()}};
    const Audited audited(addGptqLayer, config, untouched);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults());
  }

  void aBiasOfZerosThatTheOriginalLacksIsNoFault() {
    Fault bias;
    bias.extra = [](CheckpointBuilder& b) {
      b.addFloats(std::string(kUp) + ".bias", {kInner}, std::vector<float>(kInner));
    };
    const Audited audited(addGptqLayer, gptqConfig(), bias);
    QVERIFY2(audited.report.faultCount() == 0, audited.faults());
    QVERIFY(!audited.tensor(std::string(kUp) + ".bias").note.empty());
  }

  void componentsThatDontFitAreAFaultOfTheirLayer() {
    Fault cut = inLayer(kUp, [](FourBitLayer& l) { l.scales.resize(l.scales.size()); });
    cut.untouched = {kUp};
    cut.tensors = [](Tensors& model) { model.erase(std::string(kUp) + ".weight"); };
    cut.extra = [](CheckpointBuilder& b) {
      b.addWords(std::string(kUp) + ".qweight", {kHidden / 8, kInner},
                 std::vector<std::uint32_t>(kHidden / 8 * kInner));
      b.addWords(std::string(kUp) + ".qzeros", {2, kInner / 8}, std::vector<std::uint32_t>(2 * kInner / 8));
      b.addHalves(std::string(kUp) + ".scales", {kInner, 2}, std::vector<float>(2 * kInner, 0.1F));
    };
    const Audited audited(addGptqLayer, gptqConfig(), cut);
    const TensorAudit& tensor = audited.tensor(std::string(kUp) + ".weight");
    QVERIFY2(tensor.faults.size() == 1, audited.faults());
    QCOMPARE(tensor.faults.front().kind, FaultKind::Unreadable);
    QVERIFY(tensor.faults.front().message.find("scales") != std::string::npos);
  }

  void theReportDoesNotDependOnTheThreads() {
    Fault folded;
    folded.tensors = foldEverywhere;
    Audited one(addAwqLayer, awqConfig(), folded, true, 1);
    Audited many(addAwqLayer, awqConfig(), folded, true, 5);
    many.report.original = one.report.original;
    many.report.quantized = one.report.quantized;
    QVERIFY(one.report == many.report);
  }

  void canBeCancelled() {
    const Audited audited(addGptqLayer, gptqConfig(), {});
    const auto original = openCheckpoint(audited.folder.path() / "original");
    std::stop_source stop;
    stop.request_stop();
    const RunContext context{.stop = stop.get_token(), .threads = 2};
    bool isCancelled = false;
    try {
      inWorkerArena(context, [&] { (void)auditCheckpoint(*original, *original, context); });
    } catch (const Cancelled&) {
      isCancelled = true;
    }
    QVERIFY(isCancelled);
  }
};

QTEST_GUILESS_MAIN(TestAuditCheckpoint)
#include "tst_audit_checkpoint.moc"
