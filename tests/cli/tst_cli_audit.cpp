#include <QtTest>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tests/cli/cli_runner.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

using qs::test::CliResult;
using qs::test::runCli;

class TestCliAudit : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    auto tensors = qs::test::tinyModel();
    qs::test::writeModel(path("model.safetensors"), tensors);
    tensors.pop_back();  // the head
    std::ranges::reverse(tensors[2].values.values());
    qs::test::writeModel(path("faulty.safetensors"), tensors);
    m_folder.write("cut.safetensors", "\x10");
  }

  void aSoundCheckpointHasNoFaults() {
    const CliResult made = runCli({"quantize", text("model.safetensors"), "--method", "rtn", "--format", "dequantized",
                                   "--out", text("sound.safetensors")});
    QCOMPARE(made.status, 0);
    const CliResult result =
        runCli({"audit", text("model.safetensors"), text("sound.safetensors"), "--json", "--strict"});
    QCOMPARE(result.status, 0);
    QVERIFY2(result.err.isEmpty(), result.err);
    const auto json = nlohmann::json::parse(result.out.toStdString());
    QCOMPARE(json.at("total").at("faults").get<int>(), 0);
    QCOMPARE(json.at("tensors").size(), qs::test::tinyModel().size());
    for (const auto& tensor : json.at("tensors")) {
      QVERIFY(tensor.at("exact").get<bool>() || tensor.at("sqnr_db").get<double>() > 10);
      QVERIFY(tensor.at("cosine").get<double>() > 0.9);
      QVERIFY(tensor.at("max_abs_error").is_number() && tensor.at("bits_per_weight").get<double>() == 32);
    }
    const CliResult shown = runCli({"audit", text("model.safetensors"), text("sound.safetensors")});
    QVERIFY2(shown.out.contains("no faults"), shown.out);
  }

  void faultsAreNamed() {
    const CliResult result = runCli({"audit", text("model.safetensors"), text("faulty.safetensors"), "--json"});
    QCOMPARE(result.status, 0);
    QStringList found;
    const auto json = nlohmann::json::parse(result.out.toStdString());
    for (const auto& tensor : json.at("tensors"))
      for (const auto& fault : tensor.at("faults"))
        found +=
            QString::fromStdString(tensor.at("name").get<std::string>() + " " + fault.at("kind").get<std::string>());
    QCOMPARE(found, (QStringList{"model.layers.0.self_attn.q_proj.weight large_error", "lm_head.weight missing"}));
    QCOMPARE(json.at("total").at("faults").get<int>(), 2);
    const CliResult shown = runCli({"audit", text("model.safetensors"), text("faulty.safetensors")});
    QVERIFY2(shown.out.contains("fault: lm_head.weight: missing tensor"), shown.out);
  }

  void strictMakesFaultsAFailure() {
    const CliResult result = runCli({"audit", text("model.safetensors"), text("faulty.safetensors"), "--strict"});
    QCOMPARE(result.status, 1);
    QVERIFY2(result.hasOneErrorLine() && result.err.contains("2 faults"), result.err);
  }

  void badInput_data() {
    QTest::addColumn<QStringList>("arguments");
    QTest::addColumn<int>("status");
    QTest::addColumn<QString>("mentions");
    const QString model = text("model.safetensors");
    QTest::newRow("no checkpoint") << QStringList{"audit", model} << 2 << "QUANTIZED";
    QTest::newRow("an original that isn't there") << QStringList{"audit", text("none"), model} << 3 << "none";
    QTest::newRow("a checkpoint that isn't there") << QStringList{"audit", model, text("none")} << 3 << "none";
    QTest::newRow("a checkpoint cut short")
        << QStringList{"audit", model, text("cut.safetensors")} << 3 << "cut.safetensors";
    QTest::newRow("an unknown option") << QStringList{"audit", model, model, "--loud"} << 2 << "loud";
  }
  void badInput() {
    QFETCH(QStringList, arguments);
    QFETCH(int, status);
    QFETCH(QString, mentions);
    const CliResult result = runCli(arguments);
    QCOMPARE(result.status, status);
    QVERIFY2(result.hasOneErrorLine() && QString(result.err).contains(mentions), result.err);
    QVERIFY(result.out.isEmpty());
  }

 private:
  [[nodiscard]] std::filesystem::path path(const std::string& name) const { return m_folder.path() / name; }
  [[nodiscard]] QString text(const std::string& name) const { return QString::fromStdString(path(name).string()); }

  qs::test::TempFolder m_folder;
};

QTEST_GUILESS_MAIN(TestCliAudit)
#include "tst_cli_audit.moc"
