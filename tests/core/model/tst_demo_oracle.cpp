#include <QtTest>

#include <cmath>

#include "core/model/evaluation/evaluate.h"
#include "core/model/evaluation/generate.h"
#include "core/model/tokenizer/load_tokenizer.h"
#include "tests/support/opened_model.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

constexpr double kPerplexityTolerance = 0.001;  // relative

}  // namespace

// The built-in model against what its README says, on every machine: it comes with the project.
class TestDemoOracle : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void perplexityAndTextAreTheReadmes() {
    const std::filesystem::path demo = qs::test::demoFolder();
    const qs::test::OpenedModel opened(demo);
    const auto tokenizer = qs::loadTokenizer(*opened.model);
    const qs::TokenWindows windows =
        qs::textWindows(qs::test::readFile(demo / "evaluation.txt"), *tokenizer, opened.spec, {}, "evaluation.txt", {});
    QElapsedTimer timer;
    timer.start();
    const qs::Evaluation result = qs::evaluate(opened.runner, windows, nullptr, {});
    qInfo("perplexity %.5f in %lld ms", result.perplexity, timer.elapsed());
    QCOMPARE(result.windows, std::size_t{84});
    QCOMPARE(result.window, std::size_t{256});
    QCOMPARE(result.tokens, std::size_t{21504});
    constexpr double kReadme = 1.7747;  // resources/demo/README.md
    QVERIFY(std::abs(result.perplexity / kReadme - 1) < kPerplexityTolerance);
    const std::vector<int> prompt = qs::promptIds("There once was a", *tokenizer, {});
    QCOMPARE(prompt, (std::vector<int>{0, 634, 592, 283, 258}));
    const std::string text = tokenizer->decode(qs::generateGreedy(opened.runner, prompt, {.tokens = 32}, {}));
    QVERIFY2(text.starts_with(" patient clockmaker named Bruno who lived in the old town."), text.c_str());
  }
};

QTEST_APPLESS_MAIN(TestDemoOracle)
#include "tst_demo_oracle.moc"
