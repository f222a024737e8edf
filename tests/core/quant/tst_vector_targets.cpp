#include <QtTest>

#include <cmath>

#include "core/kernels/dequantize.h"
#include "tests/support/method_run.h"
#include "tests/support/random_matrix.h"
#include "tests/support/vector_targets.h"

using qs::Matrix;
using qs::test::hasMultiplyAdd;
using qs::test::onEveryTarget;

namespace {

constexpr std::size_t kRows = 40;
constexpr std::size_t kCols = 192;
// Without a fused multiply-add sums differ in their last bits, and a code on the border of two may fall on the other
// side; the weights stay as close to the original.
constexpr double kBaselineShare = 0.02;

double squaredError(const qs::QuantizedTensor& tensor, const Matrix& weights) {
  const Matrix back = qs::dequantizeMatrix(tensor, {});
  double sum = 0;
  for (std::size_t i = 0; i < weights.values().size(); ++i)
    sum += std::pow(static_cast<double>(back.values()[i]) - static_cast<double>(weights.values()[i]), 2);
  return sum;
}

}  // namespace

class TestVectorTargets : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void methodsAgreeOnEveryTarget_data() {
    QTest::addColumn<QString>("method");
    QTest::addColumn<bool>("exact");
    QTest::addRow("RTN, the same bits everywhere") << "rtn" << true;
    QTest::addRow("NF4, the same bits everywhere") << "nf4" << true;
    QTest::addRow("MXFP4, the same bits everywhere") << "mxfp4" << true;
    QTest::addRow("HQQ") << "hqq" << false;
    QTest::addRow("GPTQ") << "gptq" << false;
    QTest::addRow("AWQ") << "awq" << false;
    QTest::addRow("SmoothQuant") << "smoothquant" << false;
  }
  void methodsAgreeOnEveryTarget() {
    QFETCH(QString, method);
    QFETCH(bool, exact);
    const Matrix weights = qs::test::randomMatrix(kRows, kCols, 1);
    const qs::ActivationStats inputs = qs::test::statsOf(qs::test::randomMatrix(300, kCols, 2));
    std::optional<qs::QuantizedTensor> fused;
    std::vector<qs::QuantizedTensor> others;
    onEveryTarget([&](std::int64_t target) {
      const qs::QuantizedTensor tensor = qs::test::runMethodOk(method.toStdString(), weights, {}, &inputs);
      if (!exact && !hasMultiplyAdd(target)) {
        others.push_back(tensor);
        return;
      }
      if (!fused) fused = tensor;
      QVERIFY(tensor.codes == fused->codes);
      QVERIFY(tensor.scales == fused->scales);
      QVERIFY(tensor.zeroPoints == fused->zeroPoints);
      QVERIFY(tensor.inputScale == fused->inputScale);
    });
    if (!fused) return;  // a machine of the baseline alone
    const double reference = squaredError(*fused, weights);
    for (const qs::QuantizedTensor& tensor : others)
      QVERIFY(std::abs(squaredError(tensor, weights) - reference) <= kBaselineShare * reference);
  }

  void methodsDontDependOnTheThreadCount_data() {
    QTest::addColumn<QString>("method");
    for (const char* method : {"rtn", "gptq", "awq", "hqq"}) QTest::addRow("%s", method) << QString(method);
  }
  void methodsDontDependOnTheThreadCount() {
    QFETCH(QString, method);
    const Matrix weights = qs::test::randomMatrix(600, kCols, 3);  // several tiles of rows
    const qs::ActivationStats inputs = qs::test::statsOf(qs::test::randomMatrix(300, kCols, 4));
    const qs::QuantizedTensor one = qs::test::runMethodOk(method.toStdString(), weights, {}, &inputs, 1);
    for (const int threads : {2, 8}) {
      const qs::QuantizedTensor tensor = qs::test::runMethodOk(method.toStdString(), weights, {}, &inputs, threads);
      QVERIFY(tensor.codes == one.codes);
      QVERIFY(tensor.scales == one.scales);
    }
  }
};

QTEST_APPLESS_MAIN(TestVectorTargets)
#include "tst_vector_targets.moc"
