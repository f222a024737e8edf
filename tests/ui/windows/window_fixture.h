#pragma once

#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QtTest>

#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"
#include "ui/windows/main_window.h"
#include "ui/windows/view_area.h"

namespace qs::test {

inline constexpr int kPatience = 30'000;  ///< ms: a loaded machine is no fault

/// A window of its own with a small model to open.
struct WindowFixture {
  TempFolder folder;
  QString model;
  MainWindow window;

  /// `config` is where the session is kept; nowhere by default.
  explicit WindowFixture(const std::filesystem::path& config = {})
      : window({QCoreApplication::applicationDirPath().toStdString(), folder.path() / "runs", config}) {
    model = path("tiny.safetensors");
    writeModel(model.toStdString(), tinyModel());
    window.show();
  }
  [[nodiscard]] QString path(const char* name) const { return QString::fromStdString((folder.path() / name).string()); }
  [[nodiscard]] Workbench& bench() { return window.workbench(); }
  template <typename Widget>
  [[nodiscard]] Widget* child(const char* name) {
    return window.findChild<Widget*>(QLatin1String(name));
  }
  void click(const char* button) { QTest::mouseClick(child<QPushButton>(button), Qt::LeftButton); }
  [[nodiscard]] bool open() {
    window.open(model);
    return QTest::qWaitFor([&] { return bench().preview.preview() != nullptr; }, kPatience);
  }
  [[nodiscard]] bool run() {
    const std::size_t rows = bench().comparison.rows().size();
    click("runButton");
    return QTest::qWaitFor([&] { return !bench().run.isBusy() && bench().comparison.rows().size() > rows; }, kPatience);
  }
};

}  // namespace qs::test
