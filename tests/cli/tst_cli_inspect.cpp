#include <QtTest>

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <cmath>

#include "tests/cli/cli_runner.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

using qs::test::CliResult;
using qs::test::runCli;

class TestCliInspect : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    m_path = QString::fromStdString((m_folder.path() / "m.safetensors").string());
    qs::test::writeModel(m_path.toStdString(), qs::test::tinyModel());
  }

  void listsLayers() {
    const CliResult result = runCli({"inspect", m_path, "--json"});
    QCOMPARE(result.status, 0);
    QVERIFY(result.err.isEmpty());
    const QJsonArray layers = parse(result.out).object()["layers"].toArray();
    QCOMPARE(layers.size(), 18);
    int quantizable = 0;
    for (const auto& layer : layers) quantizable += layer.toObject()["quantizable"].toBool() ? 1 : 0;
    QCOMPARE(quantizable, 14);
    const QJsonObject first = layers.first().toObject();
    QCOMPARE(first["name"].toString(), QString("model.embed_tokens"));
    QCOMPARE(first["dtype"].toString(), QString("F32"));
    QCOMPARE(first["shape"].toArray(), QJsonArray({40, 64}));
    QCOMPARE(first["parameters"].toInt(), 40 * 64);
  }

  void describesALayer() {
    const qs::Matrix weights = qs::test::tinyModel()[2].values;  // q_proj of block 0
    double sum = 0;
    double squares = 0;
    float largest = 0;
    for (const float value : weights.values()) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
      largest = std::max(largest, std::abs(value));
    }
    const auto count = static_cast<double>(weights.values().size());
    const CliResult result = runCli({"inspect", m_path, "--layer", "model.layers.0.self_attn.q_proj", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonObject layer = parse(result.out).object();
    constexpr double kSumOrder = 1e-9;
    QVERIFY(std::abs(layer["mean"].toDouble() - sum / count) < kSumOrder);
    const double deviation = std::sqrt(squares / count - sum / count * sum / count);
    QVERIFY(std::abs(layer["std"].toDouble() - deviation) < kSumOrder);
    QCOMPARE(layer["abs_max"].toDouble(), static_cast<double>(largest));
    for (const char* key : {"min", "max", "kurtosis"}) QVERIFY(layer[key].isDouble());
    double counted = 0;
    for (const auto& bin : layer["histogram"].toObject()["counts"].toArray()) counted += bin.toDouble();
    QCOMPARE(counted, count);
    QCOMPARE(layer["outlier_channels"].toArray().first().toObject()["abs_max"].toDouble(),
             static_cast<double>(largest));
  }

  void plainTextNamesEveryLayer() {
    const CliResult result = runCli({"inspect", m_path});
    QCOMPARE(result.status, 0);
    QVERIFY(result.out.contains("model.layers.1.mlp.down_proj"));
    QVERIFY(result.err.isEmpty());
  }

  void theDemoOpens() {
    const CliResult result = runCli({"inspect", "demo", "--json"});
    QCOMPARE(result.status, 0);
    int quantizable = 0;
    for (const auto& layer : parse(result.out).object()["layers"].toArray())
      quantizable += layer.toObject()["quantizable"].toBool() ? 1 : 0;
    QCOMPARE(quantizable, 28);
  }

  void methodsHaveTheDocumentedKeys() {
    const CliResult result = runCli({"methods", "--json"});
    QCOMPARE(result.status, 0);
    const QJsonArray methods = parse(result.out).array();
    QVERIFY(!methods.isEmpty());
    for (const auto& value : methods) {
      const QJsonObject method = value.toObject();
      for (const char* key : {"id", "name", "summary", "needs", "parameters"}) QVERIFY(method.contains(key));
      for (const auto& entry : method["parameters"].toArray())
        for (const char* key : {"key", "label", "kind", "minimum", "maximum", "choices", "default", "help"})
          QVERIFY2(entry.toObject().contains(key), key);
    }
    QCOMPARE(methods.first().toObject()["id"].toString(), QString("rtn"));
  }

  void helpAndVersionAreNoErrors() {
    for (const char* option : {"--help", "--version"}) {
      const CliResult result = runCli({option});
      QCOMPARE(result.status, 0);
      QVERIFY(!result.out.isEmpty());
      QVERIFY(result.err.isEmpty());
    }
    const QByteArray help = runCli({"quantize", "--help"}).out;
    for (const char* word : {"--group-size", "compressed-tensors", "q4_k_m", "smoothquant", "qat-model"})
      QVERIFY2(help.contains(word), word);
  }

  void rangesOfWholeNumbersAreWhole() {
    const QByteArray text = runCli({"methods"}).out;
    QVERIFY(text.contains("--group-size  -1 to 1048576; default 128"));
    QVERIFY(!text.contains("e+"));
  }

  void controlCharactersInNamesAreEscaped() {
    const std::string name = "h.\x1b[31m\n\u009b.weight";
    qs::test::writeModel(m_folder.path() / "odd.safetensors", {{name, qs::test::tinyModel()[2].values}});
    const QString path = QString::fromStdString((m_folder.path() / "odd.safetensors").string());
    const CliResult list = runCli({"inspect", path});
    QVERIFY2(list.status == 0, list.err);
    QVERIFY2(list.out.contains("h.\\x1b[31m\\n\\u009b"), list.out);
    const QString layer = QString::fromStdString(name.substr(0, name.size() - std::string(".weight").size()));
    const CliResult one = runCli({"inspect", path, "--layer", layer});
    QVERIFY2(one.status == 0, one.err);
    for (const QByteArray& out : {list.out, one.out}) QVERIFY(!out.contains('\x1b') && !out.contains("\xc2\x9b"));
  }

 private:
  static QJsonDocument parse(const QByteArray& text) {
    QJsonParseError fault;
    const QJsonDocument document = QJsonDocument::fromJson(text, &fault);
    if (fault.error != QJsonParseError::NoError) qFatal("not one JSON document: %s", qPrintable(fault.errorString()));
    return document;
  }

  qs::test::TempFolder m_folder;
  QString m_path;
};

QTEST_GUILESS_MAIN(TestCliInspect)
#include "tst_cli_inspect.moc"
