#include <QtTest>

#include <string>

#include "tests/support/allocation_meter.h"
#include "tests/support/opening_error.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/temp_folder.h"

using namespace qs;
using namespace qs::test;

namespace {

constexpr const char* kFile = "lie.safetensors";

std::string fileOf(const std::string& header, std::size_t dataBytes = 4) {
  return safetensorsBytes(header, std::string(dataBytes, '\1'));
}

std::string entry(const std::string& fields) { return R"({"w":{)" + fields + "}}"; }

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

void addRow(const char* name, const std::string& bytes, const std::string& field) {
  QTest::newRow(name) << QByteArray::fromStdString(bytes) << QString::fromStdString(field);
}

constexpr const char* kOffsets = R"("data_offsets":[0,4])";
constexpr const char* kType = R"("dtype":"F32")";
constexpr const char* kShape = R"("shape":[1])";

std::string fields(const std::string& a, const std::string& b, const std::string& c) { return a + "," + b + "," + c; }

}  // namespace

class TestSafetensorsFaults : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aLieIsRefusedByFileAndField_data() {
    QTest::addColumn<QByteArray>("bytes");
    QTest::addColumn<QString>("field");
    addFramingRows();
    addJsonRows();
    addEntryRows();
    addNumberRows();
    addTilingRows();
    addMetadataRows();
  }

  void aLieIsRefusedByFileAndField() {
    QFETCH(QByteArray, bytes);
    QFETCH(QString, field);
    const TempFolder folder;
    const OpeningError error = openingError(folder.write(kFile, bytes.toStdString()));
    const std::string& message = error.message;
    QVERIFY2(message.find(kFile) != std::string::npos, message.c_str());
    QVERIFY2(QString::fromStdString(message).contains(field), message.c_str());
    QVERIFY2(error.peakBytes <= mostMemoryFor(static_cast<std::uint64_t>(bytes.size())),
             std::to_string(error.peakBytes).c_str());
  }

 private:
  static void addFramingRows() {
    const std::string good = fileOf(entry(fields(kType, kShape, kOffsets)));
    addRow("an empty file", "", "file size");
    addRow("seven bytes", "1234567", "file size");
    addRow("only the header's length", bytesOf<std::uint64_t>(2), "header length");
    addRow("a header length beyond the file", safetensorsBytes(1000, "{}", ""), "header length");
    addRow("a header length of 2^64 - 1", safetensorsBytes(~0ULL, "{}", ""), "header length");
    addRow("a header length of 2^63", safetensorsBytes(1ULL << 63U, "{}", ""), "header length");
    addRow("a header length of 100,000,001", safetensorsBytes(100'000'001, "{}", ""), "header length");
    addRow("a header length of zero", safetensorsBytes(0, "", "{}"), "JSON");
    addRow("a header length that ends inside the JSON",
           safetensorsBytes(10, entry(fields(kType, kShape, kOffsets)), "1234"), "JSON");
    addRow("a header length that reaches into the data",
           safetensorsBytes(entry(fields(kType, kShape, kOffsets)).size() + 1, entry(fields(kType, kShape, kOffsets)),
                            "\1\1\1\1"),
           "JSON");
    addRow("data cut short by a byte", good.substr(0, good.size() - 1), "data_offsets");
    addRow("no data at all", good.substr(0, good.size() - 4), "data_offsets");
    addRow("a byte after the last tensor", good + "x", "data section");
    addRow("data but no tensors", fileOf("{}"), "data section");
  }

  static void addJsonRows() {
    addRow("a header that is an array", fileOf("[]", 0), "JSON");
    addRow("a header that is a string", fileOf("\"w\"", 0), "JSON");
    addRow("a header that is blank", fileOf("        ", 0), "JSON");
    addRow("a header with a byte order mark", fileOf("\xEF\xBB\xBF{}", 0), "JSON");
    addRow("a header padded with NUL", fileOf(std::string("{}") + std::string(6, '\0'), 0), "JSON");
    addRow("text behind the JSON", fileOf("{} {}", 0), "JSON");
    addRow("an unclosed object", fileOf(R"({"w":{)", 0), "JSON");
    addRow("a comment", fileOf("{/*no*/}", 0), "JSON");
    addRow("a trailing comma", fileOf(R"({"__metadata__":{},})", 0), "JSON");
    addRow("a name that is not UTF-8", fileOf("{\"\xFF\":{}}", 0), "JSON");
    addRow("an overlong UTF-8 sequence", fileOf("{\"\xC0\xAF\":{}}", 0), "JSON");
    addRow("half a surrogate pair", fileOf(R"({"\ud800":{}})", 0), "JSON");
    addRow("NaN as a number", fileOf(entry(R"("dtype":"F32","shape":[NaN],"data_offsets":[0,4])")), "JSON");
    addRow("an unknown field nested 100 deep",
           fileOf(entry(R"("x":)" + repeated("[", 100) + repeated("]", 100) + "," + fields(kType, kShape, kOffsets))),
           "nested");
    addRow("a header nested a million deep", fileOf(repeated("[", 1'000'000), 0), "JSON");
    addRow("an object nested half a million deep", fileOf(repeated("{\"a\":", 500'000), 0), "nested");
    addRow("a tensor twice",
           fileOf(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
           "'w' occurs twice");
    addRow("a tensor twice, once escaped",
           fileOf(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("\u0077":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
           "'w' occurs twice");
    addRow("a field twice", fileOf(entry(R"("dtype":"F32",)" + fields(kType, kShape, kOffsets))),
           "'dtype' occurs twice");
  }

  static void addEntryRows() {
    addRow("an entry that is a number", fileOf(R"({"w":1})", 0), "'w'");
    addRow("an entry that is null", fileOf(R"({"w":null})", 0), "'w'");
    addRow("an entry that is an array", fileOf(R"({"w":[]})", 0), "'w'");
    addRow("no dtype", fileOf(entry(std::string(kShape) + "," + kOffsets)), "dtype");
    addRow("no shape", fileOf(entry(std::string(kType) + "," + kOffsets)), "shape");
    addRow("no data_offsets", fileOf(entry(std::string(kType) + "," + kShape)), "data_offsets");
    addRow("an unknown dtype", fileOf(entry(fields(R"("dtype":"F12")", kShape, kOffsets))), "dtype");
    addRow("a dtype in lower case", fileOf(entry(fields(R"("dtype":"f32")", kShape, kOffsets))), "dtype");
    addRow("a dtype of another format", fileOf(entry(fields(R"("dtype":"Q4_0")", kShape, kOffsets))), "dtype");
    addRow("an empty dtype", fileOf(entry(fields(R"("dtype":"")", kShape, kOffsets))), "dtype");
    addRow("a dtype that is a number", fileOf(entry(fields(R"("dtype":32)", kShape, kOffsets))), "dtype");
    addRow("a dtype that is null", fileOf(entry(fields(R"("dtype":null)", kShape, kOffsets))), "dtype");
    addRow("a shape that is a number", fileOf(entry(fields(kType, R"("shape":1)", kOffsets))), "shape");
    addRow("a shape that is an object", fileOf(entry(fields(kType, R"("shape":{})", kOffsets))), "shape");
    addRow("a shape inside a shape", fileOf(entry(fields(kType, R"("shape":[[1]])", kOffsets))), "shape");
    addRow("one offset", fileOf(entry(fields(kType, kShape, R"("data_offsets":[0])"))), "data_offsets");
    addRow("three offsets", fileOf(entry(fields(kType, kShape, R"("data_offsets":[0,4,4])"))), "data_offsets");
    addRow("no offsets in the array", fileOf(entry(fields(kType, kShape, R"("data_offsets":[])"))), "data_offsets");
    addRow("offsets as an object", fileOf(entry(fields(kType, kShape, R"("data_offsets":{"begin":0})"))),
           "data_offsets");
  }

  static void addNumberRows() {
    addRow("a negative dimension", fileOf(entry(fields(kType, R"("shape":[-1])", kOffsets))), "shape");
    addRow("a dimension of minus zero", fileOf(entry(fields(kType, R"("shape":[-0])", kOffsets))), "shape");
    addRow("a fractional dimension", fileOf(entry(fields(kType, R"("shape":[1.5])", kOffsets))), "shape");
    addRow("a dimension written as 1.0", fileOf(entry(fields(kType, R"("shape":[1.0])", kOffsets))), "shape");
    addRow("a dimension written as 1e0", fileOf(entry(fields(kType, R"("shape":[1e0])", kOffsets))), "shape");
    addRow("a dimension as a string", fileOf(entry(fields(kType, R"("shape":["1"])", kOffsets))), "shape");
    addRow("a dimension that is true", fileOf(entry(fields(kType, R"("shape":[true])", kOffsets))), "shape");
    addRow("a dimension of 2^64", fileOf(entry(fields(kType, R"("shape":[18446744073709551616])", kOffsets))), "shape");
    addRow("an element count of exactly 2^64",
           fileOf(entry(fields(kType, R"("shape":[4294967296,4294967296])", R"("data_offsets":[0,0])")), 0), "shape");
    addRow("an overflow before a zero dimension",
           fileOf(entry(fields(kType, R"("shape":[4294967296,4294967296,0])", R"("data_offsets":[0,0])")), 0), "shape");
    addRow("a byte count above 2^64", fileOf(entry(fields(kType, R"("shape":[4611686018427387905])", kOffsets))),
           "shape");
    addRow("a bit count above 2^64", fileOf(entry(fields(kType, R"("shape":[576460752303423489])", kOffsets))),
           "shape");
    addRow("half a byte of F4", fileOf(entry(R"("dtype":"F4","shape":[7],"data_offsets":[0,4])")), "shape");
    addRow("three quarters of a byte of F6", fileOf(entry(R"("dtype":"F6_E2M3","shape":[5],"data_offsets":[0,4])")),
           "shape");
    addRow("negative offsets", fileOf(entry(fields(kType, kShape, R"("data_offsets":[-4,0])"))), "data_offsets");
    addRow("fractional offsets", fileOf(entry(fields(kType, kShape, R"("data_offsets":[0,4.0])"))), "data_offsets");
    addRow("offsets as strings", fileOf(entry(fields(kType, kShape, R"("data_offsets":["0","4"])"))), "data_offsets");
    addRow("an offset of 2^64", fileOf(entry(fields(kType, kShape, R"("data_offsets":[0,18446744073709551616])"))),
           "data_offsets");
  }

  static void addTilingRows() {
    const auto two = [](const char* first, const char* second) {
      return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + std::string(first) +
             R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}";
    };
    addRow("begin after end", fileOf(entry(fields(kType, kShape, R"("data_offsets":[4,0])"))), "data_offsets");
    addRow("fewer bytes than the shape needs", fileOf(entry(fields(kType, R"("shape":[2])", kOffsets))),
           "data_offsets");
    addRow("more bytes than the shape needs", fileOf(entry(fields(kType, R"("shape":[0])", kOffsets))), "data_offsets");
    addRow("a first tensor that doesn't begin at zero",
           fileOf(entry(fields(kType, kShape, R"("data_offsets":[4,8])")), 8), "data_offsets");
    addRow("a hole between tensors", fileOf(two("[0,4]", "[8,12]"), 12), "data_offsets");
    addRow("tensors that overlap in part", fileOf(two("[0,4]", "[2,6]"), 6), "data_offsets");
    addRow("two tensors at one place", fileOf(two("[0,4]", "[0,4]"), 4), "data_offsets");
    addRow("an end beyond the file", fileOf(entry(fields(kType, R"("shape":[1000])", R"("data_offsets":[0,4000])"))),
           "data_offsets");
    addRow(
        "an empty tensor beyond the end",
        fileOf(
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}})"),
        "data_offsets");
    addRow(
        "an empty tensor inside another",
        fileOf(
            R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[0],"data_offsets":[2,2]}})"),
        "data_offsets");
  }

  static void addMetadataRows() {
    addRow("metadata that is a string", fileOf(R"({"__metadata__":"pt"})", 0), "__metadata__");
    addRow("metadata that is an array", fileOf(R"({"__metadata__":[]})", 0), "__metadata__");
    addRow("metadata that is null", fileOf(R"({"__metadata__":null})", 0), "__metadata__");
    addRow("a number in the metadata", fileOf(R"({"__metadata__":{"format":1}})", 0), "format");
    addRow("an object in the metadata", fileOf(R"({"__metadata__":{"format":{}}})", 0), "format");
    addRow("a null in the metadata", fileOf(R"({"__metadata__":{"format":null}})", 0), "format");
    addRow("a metadata key twice", fileOf(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "'a' occurs twice");
    addRow("the metadata twice", fileOf(R"({"__metadata__":{},"__metadata__":{}})", 0), "occurs twice");
  }
};

QTEST_APPLESS_MAIN(TestSafetensorsFaults)
#include "tst_safetensors_faults.moc"
