#include <QtTest>

#include <cmath>

#include "core/base/error.h"
#include "core/exporters/round_trip_check.h"
#include "core/io/formats/safetensors_writer.h"
#include "core/io/reader_registry.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

constexpr std::uint64_t kRows = 3;
constexpr std::uint64_t kCols = 5;

std::vector<float> counting() {
  std::vector<float> values(kRows * kCols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

std::shared_ptr<const Checkpoint> written(const TempFolder& folder, const std::vector<float>& values,
                                          const std::string& name = "a", Shape shape = {kRows, kCols}) {
  const std::vector<PlannedTensor> plan{{name, DType::F32, std::move(shape)}};
  SafetensorsWriter writer(folder.path() / "out.safetensors", plan, {}, true);
  writer.append(name, std::as_bytes(std::span<const float>(values)));
  writer.commit();
  return openCheckpoint(folder.path() / "out.safetensors");
}

QString faultOf(const RoundTripCheck& check, const Checkpoint& model) {
  try {
    ExportResult result;
    check.compare(model, result, {});
    return {};
  } catch (const Error& error) {
    return QString(error.what());
  }
}

}  // namespace

class TestRoundTripCheck : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void equalValuesPass() {
    const TempFolder folder;
    RoundTripCheck check;
    check.expect("a", {kRows, kCols});
    const std::vector<float> values = counting();
    check.promise("a", std::span(values).first(7));  // tiles need not be rows
    check.promise("a", std::span(values).subspan(7));
    ExportResult result;
    check.compare(*written(folder, values), result, {});
    QCOMPARE(result.tensors, std::uint64_t{1});
    QCOMPARE(result.values, kRows * kCols);
  }

  void minusZeroIsZero() {
    const TempFolder folder;
    RoundTripCheck check;
    check.expect("a", {kRows, kCols});
    std::vector<float> values = counting();
    values[0] = -0.0F;
    check.promise("a", values);
    QCOMPARE(faultOf(check, *written(folder, counting())), QString());
  }

  void aSingleBitIsNoticedWithItsRow() {
    const TempFolder folder;
    RoundTripCheck check;
    check.expect("a", {kRows, kCols});
    check.promise("a", counting());
    std::vector<float> values = counting();
    values[kCols + 2] = std::nextafter(values[kCols + 2], 100.0F);
    const QString fault = faultOf(check, *written(folder, values));
    QVERIFY2(fault.contains("'a'") && fault.contains("row 1"), qPrintable(fault));
  }

  void aMissingTensorAnotherShapeAndAnExtraOneAreNoticed() {
    const TempFolder folder;
    RoundTripCheck check;
    check.expect("a", {kRows, kCols});
    check.promise("a", counting());
    QVERIFY(faultOf(check, *written(folder, counting(), "b")).contains("unasked"));
    QVERIFY(faultOf(check, *written(folder, counting(), "a", {kCols, kRows})).contains("shape"));
    check.expect("c", {1});
    check.promise("c", std::vector<float>{1.0F});
    QVERIFY(faultOf(check, *written(folder, counting())).contains("missing"));
  }

  void aTensorIsComparedWhileOthersAreStillWritten() {
    const TempFolder folder;
    const std::vector<float> values = counting();
    const auto bytes = std::as_bytes(std::span<const float>(values));
    const std::vector<PlannedTensor> plan{{"a", DType::F32, {kRows, kCols}}, {"b", DType::F32, {kRows, kCols}}};
    SafetensorsWriter writer(folder.path() / "out.safetensors", plan, {}, true);
    writer.appear();
    const auto model = openCheckpoint(folder.path() / "out.safetensors");
    RoundTripCheck check;
    for (const char* name : {"a", "b"}) {
      check.expect(name, {kRows, kCols});
      check.promise(name, values);
    }
    writer.append("a", bytes);
    check.compareEarly(*model, "a", {});
    check.compareEarly(*model, "b", {});  // too early: left to the end
    QVERIFY(faultOf(check, *model).contains("'b'"));
    writer.append("b", bytes);
    writer.place();
    QCOMPARE(faultOf(check, *openCheckpoint(folder.path() / "out.safetensors")), QString());
  }

  void changedBytesAreNoticed() {
    const TempFolder folder;
    RoundTripCheck check;
    check.expect("a", {kRows, kCols});
    std::vector<float> values = counting();
    check.promiseBytes("a", std::as_bytes(std::span<const float>(values)));
    QCOMPARE(faultOf(check, *written(folder, values)), QString());
    values.back() = 0;
    QVERIFY(faultOf(check, *written(folder, values)).contains("bytes differ"));
  }
};

QTEST_APPLESS_MAIN(TestRoundTripCheck)
#include "tst_round_trip_check.moc"
