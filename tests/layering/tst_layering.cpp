#include <QtTest>

#include "tests/layering/include_rules.h"
#include "tests/support/project_paths.h"

using qs::test::findViolations;

/// Fails on any include outside the arrows of the layout, and proves that it would.
class TestLayering : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void theProjectKeepsToItsLayers() {
    const auto violations = qs::test::findViolationsUnder(qs::test::projectFolder());
    for (const auto& violation : violations) {
      qWarning("%s:%d: \"%s\": %s", violation.file.c_str(), violation.line, violation.include.c_str(),
               violation.reason.c_str());
    }
    QCOMPARE(violations.size(), std::size_t{0});
  }

  void theWholeProjectIsRead() { QVERIFY(qs::test::countSources(qs::test::projectFolder()) >= 80); }

  void judgesAnInclude_data() {
    QTest::addColumn<QString>("file");
    QTest::addColumn<QString>("include");
    QTest::addColumn<bool>("allowed");
    const auto row = [](const char* name, const char* file, const char* include, bool allowed) {
      QTest::newRow(name) << file << include << allowed;
    };
    row("a folder includes itself", "core/io/formats/a.cpp", "\"core/io/checkpoint.h\"", true);
    row("a lower layer", "core/stats/a.cpp", "\"core/kernels/finite.h\"", true);
    row("a layer further down", "core/exporters/a.cpp", "\"core/base/error.h\"", true);
    row("a higher layer is refused", "core/kernels/a.h", "\"core/stats/histogram.h\"", false);
    row("io does not know stats", "core/io/a.cpp", "\"core/stats/histogram.h\"", false);
    row("quant does not know model", "core/quant/a.cpp", "\"core/model/config.h\"", false);
    row("model does not know quant", "core/model/a.cpp", "\"core/quant/settings.h\"", false);
    row("model reads checkpoints", "core/model/a.cpp", "\"core/io/checkpoint.h\"", true);
    row("quant does not read files", "core/quant/a.cpp", "\"core/io/checkpoint.h\"", false);
    row("train sees both", "core/train/a.cpp", "\"core/quant/settings.h\"", true);
    row("session knows no exporter", "core/session/a.cpp", "\"core/exporters/exporter.h\"", false);
    row("core knows no window", "core/session/a.cpp", "\"ui/jobs/job_runner.h\"", false);
    row("core uses no Qt", "core/base/a.h", "<QString>", false);
    row("core uses no Qt module header", "core/base/a.h", "<QtCore/QString>", false);
    row("core uses the numeric libraries", "core/quant/methods/a.cpp", "<Eigen/Dense>", true);
    row("a relative path is refused", "core/base/a.cpp", "\"../tensor/shape.h\"", false);
    row("project headers in angle brackets count too", "core/base/a.cpp", "<core/tensor/shape.h>", false);
    row("the command line uses the whole core", "app/cli/a.cpp", "\"core/train/optimizer.h\"", true);
    row("the command line uses no Qt", "app/cli/a.cpp", "<QCoreApplication>", false);
    row("the command line knows no window", "app/cli/a.cpp", "\"ui/support/number_format.h\"", false);
    row("the window uses the façade", "ui/controllers/a.h", "\"core/session/quant_report.h\"", true);
    row("the window does not run the model", "ui/controllers/a.h", "\"core/model/runner.h\"", false);
    row("the window calls no kernel", "ui/charts/a.cpp", "\"core/kernels/finite.h\"", false);
    row("the window uses no oneTBB", "ui/jobs/a.h", "<tbb/task_arena.h>", false);
    row("the window uses no Eigen", "ui/charts/a.cpp", "<Eigen/Core>", false);
    row("the window uses Qt", "ui/charts/a.cpp", "<QWidget>", true);
    row("colours and numbers know no core", "ui/support/a.h", "\"core/base/error.h\"", false);
    row("colours and numbers are everyone's", "ui/charts/a.cpp", "\"ui/support/palette.h\"", true);
    row("charts show core's reports", "ui/charts/a.cpp", "\"core/session/quant_report.h\"", true);
    row("controllers start jobs", "ui/controllers/a.cpp", "\"ui/jobs/job_runner.h\"", true);
    row("panels know no controllers", "ui/panels/a.cpp", "\"ui/controllers/run_controller.h\"", false);
    row("charts know no models", "ui/charts/a.cpp", "\"ui/models/layer_model.h\"", false);
    row("models know no panels", "ui/models/a.cpp", "\"ui/panels/method_form.h\"", false);
    row("windows join them all", "ui/windows/a.cpp", "\"ui/panels/method_form.h\"", true);
    row("the program opens windows", "app/gui/main.cpp", "\"ui/windows/main_window.h\"", true);
    row("a folder outside the layout is refused", "core/utils/a.cpp", "<vector>", false);
  }
  void judgesAnInclude() {
    QFETCH(QString, file);
    QFETCH(QString, include);
    QFETCH(bool, allowed);
    const std::string source = "// first line\n#include " + include.toStdString() + "\n";
    const auto violations = findViolations(file.toStdString(), source);
    QCOMPARE(violations.empty(), allowed);
  }

  void namesFileLineAndHeader() {
    const auto violations = findViolations("core/base/a.h", "#pragma once\n\n  #  include \"core/io/b.h\" // why\n");
    QCOMPARE(violations.size(), std::size_t{1});
    QCOMPARE(violations[0].line, 3);
    QCOMPARE(violations[0].include, std::string("core/io/b.h"));
    QCOMPARE(violations[0].reason, std::string("core/base may not include core/io"));
  }
};

QTEST_APPLESS_MAIN(TestLayering)
#include "tst_layering.moc"
