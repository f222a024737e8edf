#include <QtTest>
#include <cmath>
#include <set>

#include "core/quant/method_registry.h"
#include "core/session/compare_methods.h"
#include "ui/windows/run_description.h"

using namespace qs;

class TestRunDescription : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void noTwoMethodsLookTheSame() {
    std::set<std::pair<int, Marker>> looks{{styleOf(kUnquantized).slot, styleOf(kUnquantized).marker}};
    for (const MethodInfo& method : allMethods()) {
      const MethodStyle style = styleOf(method.id);
      QCOMPARE(style.slot, method.colorSlot);
      QVERIFY2(looks.insert({style.slot, style.marker}).second, method.id.c_str());
    }
    QCOMPARE(looks.size(), allMethods().size() + 1);
  }
};

QTEST_GUILESS_MAIN(TestRunDescription)
#include "tst_run_description.moc"
