#include <QSignalSpy>
#include <QtTest>
#include <random>

#include "core/quant/method_registry.h"
#include "ui/controllers/request_controller.h"

class TestRequestController : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void oneDraggedSettingIsOneUndoStep() {
    qs::RequestController controller;
    QSignalSpy changed(&controller, &qs::RequestController::requestChanged);
    qs::QuantRequest request = controller.request();
    for (std::int64_t bits = 3; bits <= 8; ++bits) {
      request.settings.set("bits", bits);
      controller.edit(request);
    }
    QCOMPARE(changed.count(), 6);
    QCOMPARE(controller.undoStack()->count(), 1);
    controller.undoStack()->undo();
    QCOMPARE(controller.request(), qs::QuantRequest());
    controller.undoStack()->redo();
    QCOMPARE(controller.request().settings.integer("bits"), 8);
  }

  void anotherSettingIsAnotherStep() {
    qs::RequestController controller;
    qs::QuantRequest request = controller.request();
    request.settings.set("bits", std::int64_t{3});
    controller.edit(request);
    request.settings.set("group_size", std::int64_t{32});
    controller.edit(request);
    QCOMPARE(controller.undoStack()->count(), 2);
    controller.undoStack()->undo();
    QCOMPARE(controller.request().settings.integer("bits"), 3);
    QVERIFY(!controller.request().settings.contains("group_size"));
  }

  void aMethodComesBackWithTheSettingsItWasLeftWith() {
    qs::RequestController controller;
    const std::string other = qs::allMethods().back().id;
    qs::QuantRequest request = controller.request();
    request.settings.set("bits", std::int64_t{3});
    controller.edit(request);
    qs::QuantRequest change;
    change.method = other;
    controller.edit(change);
    QVERIFY(controller.request().settings.values().empty());
    change.method = "rtn";
    controller.edit(change);
    QCOMPARE(controller.request().settings.integer("bits"), 3);
  }

  void aChangeThatChangesNothingIsNoStep() {
    qs::RequestController controller;
    controller.edit(controller.request());
    QCOMPARE(controller.undoStack()->count(), 0);
  }

  void fiveHundredRandomStepsUndoToTheStartAndRedoToTheEnd() {
    qs::RequestController controller;
    std::mt19937 random(7);  // NOLINT: the same steps every time
    for (int step = 0; step < 500; ++step) {
      qs::QuantRequest request = controller.request();
      switch (random() % 5) {
        case 0:
          request.method = qs::allMethods()[random() % qs::allMethods().size()].id;
          request.settings = {};
          controller.edit(request);
          break;
        case 1:
          controller.undoStack()->undo();
          break;
        case 2:
          controller.undoStack()->redo();
          break;
        default:
          request.settings.set(random() % 2 == 0 ? "bits" : "group_size", static_cast<std::int64_t>(random() % 9));
          controller.edit(request);
      }
    }
    while (controller.undoStack()->canRedo()) controller.undoStack()->redo();
    const qs::QuantRequest last = controller.request();
    while (controller.undoStack()->canUndo()) controller.undoStack()->undo();
    QCOMPARE(controller.request(), qs::QuantRequest());
    while (controller.undoStack()->canRedo()) controller.undoStack()->redo();
    QCOMPARE(controller.request(), last);
  }
};

QTEST_GUILESS_MAIN(TestRequestController)
#include "tst_request_controller.moc"
