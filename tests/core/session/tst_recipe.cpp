#include <QtTest>

#include "core/base/error.h"
#include "core/session/command_line.h"
#include "core/session/recipe.h"
#include "tests/support/temp_folder.h"

class TestRecipe : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void readsWhatItWrote() {
    const qs::test::TempFolder folder;
    qs::Recipe recipe{.method = "rtn", .settings = qs::Settings({{"bits", std::int64_t{3}}, {"symmetric", true}})};
    recipe.overrides = {{.glob = "a.*", .settings = qs::Settings({{"bits", std::int64_t{8}}})},
                        {.glob = "b", .skip = true},
                        {.glob = "c", .method = "hqq"}};
    qs::writeRecipe(recipe, folder.path() / "r.json");
    QVERIFY(qs::readRecipe(folder.path() / "r.json") == recipe);
  }

  void readsTheDocumentedForm() {
    const qs::Recipe recipe = qs::parseRecipe(
        R"({"method": "rtn", "settings": {"bits": 4}, "overrides": [{"layers": "*.down_proj", "settings": {"bits": 8}}]})",
        "r.json");
    QCOMPARE(recipe.overrides.size(), std::size_t{1});
    QCOMPARE(recipe.overrides[0].settings.integer("bits"), std::int64_t{8});
  }

  void refuses_data() {
    QTest::addColumn<QString>("text");
    QTest::newRow("no JSON") << "rtn";
    QTest::newRow("no object") << "[]";
    QTest::newRow("no method") << "{}";
    QTest::newRow("a method that is no text") << R"({"method": 4})";
    QTest::newRow("settings that are no object") << R"({"method": "rtn", "settings": 4})";
    QTest::newRow("a nested setting") << R"({"method": "rtn", "settings": {"bits": [4]}})";
    QTest::newRow("an unknown field") << R"({"method": "rtn", "setings": {}})";
    QTest::newRow("an override without layers") << R"({"method": "rtn", "overrides": [{"skip": true}]})";
    QTest::newRow("a skip that is no switch") << R"({"method": "rtn", "overrides": [{"layers": "a", "skip": 1}]})";
  }
  void refuses() {
    QFETCH(QString, text);
    try {
      static_cast<void>(qs::parseRecipe(text.toStdString(), "r.json"));
      QFAIL("accepted");
    } catch (const qs::Error& error) {
      QCOMPARE(error.kind(), qs::ErrorKind::Input);
      QVERIFY(QString(error.what()).contains("r.json"));
    }
  }

  void overridesOnTheCommandLine() {
    const qs::LayerOverride change = qs::parseOverride("*.q_proj:bits=8,group-size=64", "rtn");
    QCOMPARE(change.glob, std::string("*.q_proj"));
    QCOMPARE(change.settings.integer("group_size"), std::int64_t{64});
    QVERIFY(qs::parseOverride(qs::toText(change), "rtn") == change);
    QVERIFY(qs::parseOverride("a:skip", "rtn").skip);
    for (const char* text : {"a", ":skip", "a:", "a:bits", "a:nothing=3", "a:bits=x"})
      QVERIFY_EXCEPTION_THROWN(static_cast<void>(qs::parseOverride(text, "rtn")), qs::Error);
  }

  void commandLineQuotesWhatAShellWouldTake() {
    qs::QuantRequest request{.method = "rtn",
                             .settings = qs::Settings({{"bits", std::int64_t{3}}, {"symmetric", false}})};
    request.layers.include = {"*.q_proj"};
    request.overrides = {{.glob = "it's", .skip = true}};
    QCOMPARE(qs::commandLineOf("/my models/m", request, "dequantized", "out.safetensors"),
             std::string("quantscope-cli quantize '/my models/m' --method rtn --bits 3 --asymmetric --layers "
                         "'*.q_proj' --override 'it'\\''s:skip' --format dequantized --out out.safetensors"));
    request = {.method = "gptq"};
    request.calibration = {.textFile = "t.txt", .runModel = true, .sequential = true};
    QCOMPARE(qs::commandLineOf("m", request, "gptq", "out"),
             std::string("quantscope-cli quantize m --method gptq --text t.txt --sequential --format gptq --out out"));
  }
};

QTEST_APPLESS_MAIN(TestRecipe)
#include "tst_recipe.moc"
