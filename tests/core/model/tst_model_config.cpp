#include <QtTest>

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/model/layer_groups.h"
#include "core/model/model_config.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kGolden = qs::test::dataFolder() / "model_golden";

nlohmann::json llama() {
  return {{"model_type", "llama"},         {"vocab_size", 100},      {"hidden_size", 64},
          {"intermediate_size", 96},       {"num_hidden_layers", 3}, {"num_attention_heads", 8},
          {"max_position_embeddings", 128}};
}

nlohmann::json with(nlohmann::json config, const std::string& key, const nlohmann::json& value) {
  config[key] = value;
  return config;
}

qs::ModelConfig parse(const nlohmann::json& config) { return qs::parseModelConfig(config.dump(), "config.json"); }

/// A golden model's folder with its config.json changed.
struct ChangedModel {
  ChangedModel(const char* name, const nlohmann::json& patch) {
    const std::filesystem::path from = kGolden / name;
    auto config = nlohmann::json::parse(qs::test::readFile(from / "config.json"));
    config.merge_patch(patch);
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", qs::test::readFile(from / "model.safetensors"));
  }
  qs::test::TempFolder folder;
};

}  // namespace

class TestModelConfig : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void defaults() {
    const qs::ModelConfig config = parse(llama());
    QCOMPARE(config.kvHeads, std::size_t{8});
    QCOMPARE(config.headDim, std::size_t{8});
    QCOMPARE(config.normEpsilon, 1e-6);
    QCOMPARE(config.rope->theta, 10000.0);
    QVERIFY(!config.tiedEmbeddings);
    nlohmann::json mistral = with(llama(), "model_type", "mistral");
    QCOMPARE(parse(mistral).kvHeads, std::size_t{8});
    QCOMPARE(parse(mistral).slidingWindows, (std::vector<std::size_t>{4096, 4096, 4096}));
    mistral["sliding_window"] = nullptr;
    QCOMPARE(parse(mistral).slidingWindows, (std::vector<std::size_t>{0, 0, 0}));
    const qs::ModelConfig gemma = parse(with(llama(), "model_type", "gemma2"));
    QCOMPARE(gemma.headDim, std::size_t{256});
    QCOMPARE(gemma.attentionSoftCap, 50.0);
    QCOMPARE(gemma.finalSoftCap, 30.0);
    QCOMPARE(gemma.slidingWindows, (std::vector<std::size_t>{4096, 0, 4096}));
    QVERIFY(gemma.tiedEmbeddings);
  }

  void bothWaysOfWritingRope() {
    nlohmann::json older = with(llama(), "rope_scaling", {{"type", "linear"}, {"factor", 2.0}});
    older["rope_theta"] = 5000.0;
    const nlohmann::json newer =
        with(llama(), "rope_parameters", {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 5000.0}});
    QVERIFY(*parse(older).rope == *parse(newer).rope);
  }

  void refuses_data() {
    QTest::addColumn<QString>("key");
    QTest::addColumn<QByteArray>("value");
    QTest::addColumn<QString>("reason");
    QTest::newRow("a missing size") << "hidden_size" << QByteArray("null") << "hidden_size";
    QTest::newRow("a size of zero") << "num_hidden_layers" << QByteArray("0") << "num_hidden_layers";
    QTest::newRow("a negative size") << "intermediate_size" << QByteArray("-4") << "intermediate_size";
    QTest::newRow("a fraction") << "vocab_size" << QByteArray("10.5") << "vocab_size";
    QTest::newRow("a size in quotes") << "vocab_size" << QByteArray("\"100\"") << "vocab_size";
    QTest::newRow("an absurd count") << "num_hidden_layers" << QByteArray("1000000") << "num_hidden_layers";
    QTest::newRow("a number beyond 64 bits") << "vocab_size" << QByteArray("1e400") << "config.json";
    QTest::newRow("heads that don't divide") << "num_attention_heads" << QByteArray("7") << "num_attention_heads";
    QTest::newRow("key heads that don't divide") << "num_key_value_heads" << QByteArray("3") << "num_key_value_heads";
    QTest::newRow("an unknown architecture") << "model_type" << QByteArray("\"mamba\"") << "\"mamba\" can't be run";
    QTest::newRow("an unsupported rope type")
        << "rope_scaling" << QByteArray(R"({"rope_type": "yarn", "factor": 4})") << "\"yarn\" is not supported";
    QTest::newRow("rope scaling that is a list") << "rope_scaling" << QByteArray("[1]") << "rope_scaling";
    QTest::newRow("llama3 scaling without its context")
        << "rope_scaling" << QByteArray(R"({"rope_type": "llama3", "factor": 4})")
        << "original_max_position_embeddings";
    QTest::newRow("an epsilon of zero") << "rms_norm_eps" << QByteArray("0") << "rms_norm_eps";
    QTest::newRow("a flag in words") << "attention_bias" << QByteArray("\"no\"") << "attention_bias";
  }
  void refuses() {
    QFETCH(QString, key);
    QFETCH(QByteArray, value);
    QFETCH(QString, reason);
    std::string text = with(llama(), key.toStdString(), "@").dump();
    text.replace(text.find("\"@\""), 3, value.toStdString());
    try {
      (void)qs::parseModelConfig(text, "config.json");
      QFAIL("was accepted");
    } catch (const qs::Error& error) {
      QCOMPARE(error.kind(), qs::ErrorKind::Input);
      QVERIFY2(QString(error.what()).contains(reason), error.what());
      QVERIFY(QString(error.what()).startsWith("config.json"));
    }
  }

  void comparesWithTheTensors_data() {
    QTest::addColumn<QByteArray>("patch");
    QTest::addColumn<QString>("tensor");
    QTest::newRow("more tokens than rows") << QByteArray(R"({"vocab_size": 38})") << "model.embed_tokens.weight";
    QTest::newRow("a wider MLP") << QByteArray(R"({"intermediate_size": 64})") << "mlp.gate_proj.weight";
    QTest::newRow("other key heads") << QByteArray(R"({"num_key_value_heads": 4})") << "self_attn.k_proj.weight";
    QTest::newRow("a block too many") << QByteArray(R"({"num_hidden_layers": 3})") << "model.layers.2";
    QTest::newRow("a bias that isn't there") << QByteArray(R"({"attention_bias": true})") << "q_proj.bias";
  }
  void comparesWithTheTensors() {
    QFETCH(QByteArray, patch);
    QFETCH(QString, tensor);
    const ChangedModel changed("llama", nlohmann::json::parse(patch.toStdString()));
    const auto model = qs::openCheckpoint(changed.folder.path());
    std::string whyNot;
    QVERIFY(!qs::tryArchitecture(*model, &whyNot));
    QVERIFY2(QString::fromStdString(whyNot).contains(tensor), whyNot.c_str());
  }

  void aMissingConfigSaysSo() {
    const qs::test::TempFolder folder;
    folder.write("model.safetensors", qs::test::readFile(kGolden / "llama" / "model.safetensors"));
    const auto model = qs::openCheckpoint(folder.path());
    std::string whyNot;
    QVERIFY(!qs::tryArchitecture(*model, &whyNot));
    QVERIFY2(QString::fromStdString(whyNot).contains("config.json is missing"), whyNot.c_str());
  }

  /// Llama 3.1's numbers: low frequencies divided by the factor, high ones kept.
  void llama3Frequencies() {
    const qs::RopeConfig config{.type = "llama3",
                                .theta = 500000.0,
                                .factor = 8.0,
                                .lowFrequencyFactor = 1.0,
                                .highFrequencyFactor = 4.0,
                                .originalContext = 8192};
    const qs::RopeSpec rope = qs::makeRope(config, 128, "config.json");
    QCOMPARE(rope.frequencies.front(), 1.0);
    QCOMPARE(rope.frequencies.back(), std::pow(500000.0, -126.0 / 128.0) / 8.0);
    for (std::size_t i = 0; i < rope.frequencies.size(); ++i) {
      const double plain = std::pow(500000.0, -2.0 * static_cast<double>(i) / 128.0);
      QVERIFY(rope.frequencies[i] <= plain && rope.frequencies[i] >= plain / 8.0);
    }
  }

  void groupsTellWhatFolds_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QStringList>("expected");
    QTest::newRow("grouped queries keep the output projection from folding")
        << "llama" << QStringList{"input_layernorm>3+", "v_proj>1-", "post_attention_layernorm>2+", "up_proj>1+"};
    QTest::newRow("Gemma 2 folds from the norms before, not after")
        << "gemma2" << QStringList{"input_layernorm>3+", "v_proj>1-", "pre_feedforward_layernorm>2+", "up_proj>1+"};
    QTest::newRow("a GELU between the linears doesn't fold")
        << "gpt2" << QStringList{"ln_1>1+", "c_attn>1+", "ln_2>1+", "c_fc>1-"};
    QTest::newRow("a ReLU does") << "opt"
                                 << QStringList{"self_attn_layer_norm>3+", "v_proj>1+", "final_layer_norm>1+",
                                                "fc1>1+"};
    QTest::newRow("norms behind the residual don't")
        << "opt-post-norm" << QStringList{">3-", "v_proj>1+", "self_attn_layer_norm>1-", "fc1>1+"};
    QTest::newRow("one norm for attention and MLP is one group")
        << "phi" << QStringList{"input_layernorm>4+", "v_proj>1+", "fc1>1-"};
  }
  void groupsTellWhatFolds() {
    QFETCH(QString, name);
    QFETCH(QStringList, expected);
    const qs::test::OpenedModel opened(kGolden / name.toStdString());
    QStringList found;
    for (const qs::LayerGroup& group : qs::layerGroups(opened.spec)) {
      if (group.block != 0) continue;
      const QString producer = QString::fromStdString(group.producer.name).section('.', -1);
      found << QString("%1>%2%3").arg(producer).arg(group.linears.size()).arg(group.producer.foldable ? '+' : '-');
      QCOMPARE(group.producer.foldable, group.producer.reason.empty());
      for (const qs::LinearSpec& linear : group.linears) QCOMPARE(linear.in, group.in);
    }
    QCOMPARE(found, expected);
  }

  void fusedProducersNameTheirRows() {
    const qs::test::OpenedModel opened(kGolden / "phi3");
    const auto groups = qs::layerGroups(opened.spec);
    QCOMPARE(groups[3].producer.name, std::string("model.layers.0.mlp.gate_up_proj"));
    QCOMPARE(groups[3].producer.rows.front(), std::size_t{48});
    QCOMPARE(groups[3].producer.rows.size(), std::size_t{48});
    const qs::test::OpenedModel neox(kGolden / "gpt-neox");
    const auto values = qs::layerGroups(neox.spec)[1].producer.rows;  // 4 heads of 8: q, k, v of each in turn
    QCOMPARE(values.front(), std::size_t{16});
    QCOMPARE(values[8], std::size_t{40});
    QVERIFY(qs::layerGroups(neox.spec)[1].producer.foldable);
  }
};

QTEST_APPLESS_MAIN(TestModelConfig)
#include "tst_model_config.moc"
