#include <QtTest>

#include <stop_token>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/session/continue_prompt.h"
#include "core/session/run_quantization.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

namespace {

const std::filesystem::path kDemo = qs::test::demoFolder();
constexpr const char* kPrompt = "There once was a";

}  // namespace

class TestContinuePrompt : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void initTestCase() {
    m_model = qs::openCheckpoint(kDemo);
    for (const std::int64_t bits : {2, 8}) {
      qs::QuantRequest request{.method = "rtn", .settings = qs::Settings({{"bits", bits}})};
      auto store = std::make_shared<qs::RunStore>(m_folder.path(), *m_model, request);
      auto report = std::make_shared<qs::QuantReport>(qs::runQuantization(*m_model, request, *store, {}));
      m_runs.push_back(std::make_shared<const qs::StoredRun>(qs::StoredRun{request, report, store}));
    }
  }

  void marksTheFirstTokenThatDiffers() {
    std::vector<std::size_t> told;
    const auto results = qs::continuePrompt(m_model, {.prompt = kPrompt, .tokens = 12, .runs = m_runs}, {},
                                            [&](std::size_t i, const qs::Continuation&) { told.push_back(i); });
    QCOMPARE(told, (std::vector<std::size_t>{0, 1, 2}));
    const qs::Continuation& plain = results[0];
    QVERIFY(plain.text().starts_with(" patient clockmaker named Bruno who"));  // resources/demo/README.md
    QVERIFY(!plain.differsAt && plain.firstDifferent.empty());
    const qs::Continuation& coarse = results[1];
    QVERIFY(coarse.differsAt.has_value());
    QCOMPARE(std::mismatch(plain.ids.begin(), plain.ids.end(), coarse.ids.begin()).first - plain.ids.begin(),
             static_cast<std::ptrdiff_t>(*coarse.differsAt));
    QVERIFY(!coarse.firstDifferent.empty());
    QVERIFY(plain.text().starts_with(coarse.common));
    QVERIFY(!results[2].differsAt);  // 8 bits say the same
    QCOMPARE(results[2].text(), plain.text());
  }

  void aRunThatIsGoneLeavesTheOthers() {
    const qs::test::TempFolder other;
    auto gone = *m_runs[0];
    gone.store = std::make_shared<qs::RunStore>(other.path(), *m_model, gone.request);
    const auto results = qs::continuePrompt(
        m_model, {.prompt = kPrompt, .tokens = 2, .runs = {std::make_shared<const qs::StoredRun>(gone), m_runs[1]}},
        {});
    QVERIFY(results[1].error.find("missing from the stored run") != std::string::npos);
    QVERIFY(results[2].error.empty() && results[2].ids.size() == 2);
  }

  void refuses() {
    const auto refused = [&](const qs::PromptRequest& request) {
      try {
        (void)qs::continuePrompt(m_model, request, {});
      } catch (const qs::Error&) {
        return true;
      }
      return false;
    };
    QVERIFY(refused({.prompt = "\xff\xfe"}));
    std::string longText;
    for (int i = 0; i < 2000; ++i) longText += " word";
    QVERIFY(refused({.prompt = longText}));
  }

  void stops() {
    std::stop_source stop;
    stop.request_stop();
    QVERIFY_EXCEPTION_THROWN((void)qs::continuePrompt(m_model, {.prompt = kPrompt}, {.stop = stop.get_token()}),
                             qs::Cancelled);
  }

 private:
  qs::test::TempFolder m_folder;
  std::shared_ptr<const qs::Checkpoint> m_model;
  std::vector<qs::StoredRunPtr> m_runs;
};

QTEST_APPLESS_MAIN(TestContinuePrompt)
#include "tst_continue_prompt.moc"
