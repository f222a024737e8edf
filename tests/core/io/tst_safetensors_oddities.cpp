#include <QtTest>

#include <cmath>
#include <limits>
#include <string>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

std::shared_ptr<const Checkpoint> openBytes(const TempFolder& folder, const std::string& bytes) {
  return openCheckpoint(folder.write("model.safetensors", bytes));
}

float onlyValue(const Checkpoint& model, std::string_view name) { return model.load(model.require(name))(0, 0); }

}  // namespace

class TestSafetensorsOddities : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aLegalOddityLoads_data() {
    QTest::addColumn<QByteArray>("header");
    QTest::addColumn<QByteArray>("tensor");
    const auto row = [](const char* name, const char* header, const char* tensor = "w") {
      QTest::newRow(name) << QByteArray(header) << QByteArray(tensor);
    };
    row("a scalar without dimensions", R"({"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})");
    row("nine dimensions", R"({"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})");
    row("an empty tensor first",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"e":{"dtype":"I8","shape":[0,9],"data_offsets":[0,0]}})");
    row("an empty tensor at the very end",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"e":{"dtype":"I8","shape":[9,0],"data_offsets":[4,4]}})");
    row("two empty tensors at one place",
        R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"e":{"dtype":"I8","shape":[0],"data_offsets":[4,4]},"f":{"dtype":"I8","shape":[0],"data_offsets":[4,4]}})");
    row("a header that is not sorted",
        R"({"z":{"dtype":"I8","shape":[0],"data_offsets":[4,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
    row("spaces before the object", R"(   {"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
    row("spaces and a line feed behind it", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}   \n");
    row("a header of odd length: misaligned data", R"({"w" :{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} )");
    row("unknown fields of every kind",
        R"({"w":{"x":1,"y":[1,{"a":[null]}],"dtype":"F32","z":{"dtype":2},"shape":[1],"s":"t","n":-1.5,"data_offsets":[0,4]}})");
    row("no metadata", R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
    row("metadata of another maker",
        R"({"__metadata__":{"a":"b","format":"tf"},"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})");
    row("an empty name", R"({"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "");
    row("a name in Unicode", R"({"重み.\u00fc\ud83d\ude00":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
        "重み.ü😀");
    row("a name with quotes and slashes",
        "{\"a\\\"/..\\\\b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", "a\"/..\\b");
    row("fields in another order", R"({"w":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}})");
  }

  void aLegalOddityLoads() {
    QFETCH(QByteArray, header);
    QFETCH(QByteArray, tensor);
    const TempFolder folder;
    const auto model = openBytes(folder, safetensorsBytes(header.toStdString(), bytesOf(1.25F)));
    QCOMPARE(onlyValue(*model, tensor.toStdString()), 1.25F);
  }

  void contentsMayBeNanAndInfinity() {
    const TempFolder folder;
    const auto model = openBytes(folder, safetensorsBytes(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                                          bytesOf(std::nanf("")) + bytesOf(-INFINITY)));
    const Matrix values = model->load(model->require("w"));
    QVERIFY(std::isnan(values(0, 0)));
    QCOMPARE(values(0, 1), -std::numeric_limits<float>::infinity());
  }

  void aFileWithoutTensorsOpens() {
    const TempFolder folder;
    QVERIFY(openBytes(folder, safetensorsBytes("{}", ""))->tensors().empty());
  }

  void everyDtypeIsRecognised() {
    for (const DTypeTraits& row : allDTypes()) {
      if (!row.safetensors) continue;
      const TempFolder folder;
      const auto bytes = static_cast<std::size_t>(row.bits);  // of eight elements
      const std::string header = "{\"w\":{\"dtype\":\"" + std::string(row.name) +
                                 "\",\"shape\":[8],\"data_offsets\":[0," + std::to_string(bytes) + "]}}";
      const auto model = openBytes(folder, safetensorsBytes(header, std::string(bytes, '\0')));
      QVERIFY(model->require("w").info.dtype == row.type);
      if (row.convertible) QCOMPARE(model->load(model->require("w")).cols(), std::size_t{8});
      if (!row.convertible) QVERIFY_EXCEPTION_THROWN((void)model->load(model->require("w")), Error);
    }
  }

  void moreDimensionsFoldIntoRows() {
    const TempFolder folder;
    std::string data;
    for (int i = 0; i < 12; ++i) data += bytesOf(static_cast<float>(i));
    const auto model =
        openBytes(folder, safetensorsBytes(R"({"w":{"dtype":"F32","shape":[2,2,3],"data_offsets":[0,48]}})", data));
    const Matrix values = model->load(model->require("w"));
    QCOMPARE(values.rows(), std::size_t{4});
    QCOMPARE(values(3, 1), 10.0F);
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsOddities)
#include "tst_safetensors_oddities.moc"
