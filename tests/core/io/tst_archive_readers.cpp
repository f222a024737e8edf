#include <QtTest>

#include <algorithm>
#include <filesystem>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/support/opening_error.h"
#include "tests/support/project_paths.h"
#include "tests/support/temp_folder.h"

Q_DECLARE_METATYPE(qs::DType)
Q_DECLARE_METATYPE(qs::Shape)

using namespace qs;
using namespace qs::test;

namespace {

const std::filesystem::path kData = qs::test::dataFolder() / "archives";

// The rule by which tests/data/archives/make.py fills its arrays.
float countingValue(DType dtype, std::size_t i) {
  if (dtype == DType::U8 || dtype == DType::U16) return static_cast<float>(i);
  return static_cast<float>(i) - 3.0F;
}

void requireCounting(const Checkpoint& model, const CheckpointTensor& tensor, DType dtype, const Shape& shape) {
  QCOMPARE(tensor.info.dtype, dtype);
  QCOMPARE(tensor.info.shape, shape);
  QCOMPARE(tensor.info.elements, *elementCount(shape));
  QCOMPARE(tensor.info.bytes, *byteSize(dtype, tensor.info.elements));
  if (dtype == DType::Bool) return;
  const auto values = [&] { return model.load(tensor); };
  const Matrix all = values();
  for (std::size_t i = 0; i < tensor.info.elements; ++i) QCOMPARE(all.values()[i], countingValue(dtype, i));
  if (tensor.info.elements < 4) return;
  std::vector<float> middle(tensor.info.elements - 3);  // neither end at a row's border
  tensor.source->read(2, middle);
  QVERIFY(std::equal(middle.begin(), middle.end(), all.values().begin() + 2));
  tensor.source->release();
  QVERIFY(values() == all);
}

}  // namespace

class TestArchiveReaders : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aPytorchStateIsRead_data() {
    QTest::addColumn<DType>("dtype");
    QTest::addColumn<Shape>("shape");
    QTest::newRow("f32") << DType::F32 << Shape{3, 5};
    QTest::newRow("f16") << DType::F16 << Shape{3, 5};
    QTest::newRow("bf16") << DType::BF16 << Shape{3, 5};
    QTest::newRow("f64") << DType::F64 << Shape{3, 5};
    QTest::newRow("u8") << DType::U8 << Shape{3, 5};
    QTest::newRow("i8") << DType::I8 << Shape{3, 5};
    QTest::newRow("i16") << DType::I16 << Shape{3, 5};
    QTest::newRow("i32") << DType::I32 << Shape{3, 5};
    QTest::newRow("i64") << DType::I64 << Shape{3, 5};
    QTest::newRow("bool") << DType::Bool << Shape{3, 5};
    QTest::newRow("transposed") << DType::F32 << Shape{4, 3};
    QTest::newRow("slice") << DType::F32 << Shape{3, 6};
    QTest::newRow("strided") << DType::F32 << Shape{3, 4};
    QTest::newRow("tied") << DType::F32 << Shape{3, 5};
    QTest::newRow("scalar") << DType::F32 << Shape{};
    QTest::newRow("empty") << DType::F32 << Shape{0, 7};
    QTest::newRow("parameter") << DType::F32 << Shape{2, 3};
  }
  void aPytorchStateIsRead() {
    QFETCH(DType, dtype);
    QFETCH(Shape, shape);
    const auto model = openCheckpoint(kData / "state.pt");
    QCOMPARE(model->format(), std::string("PyTorch"));
    QCOMPARE(model->tensors().size(), std::size_t{17});
    requireCounting(*model, model->require(QTest::currentDataTag()), dtype, shape);
  }

  void aWrappedStateIsFound() {
    const auto model = openCheckpoint(kData / "wrapped.pt");
    QCOMPARE(model->tensors().size(), std::size_t{2});
    requireCounting(*model, model->require("0.weight"), DType::F32, {2, 3});
    requireCounting(*model, model->require("0.bias"), DType::F32, {2});
  }

  void aFolderWithPytorchWeightsIsAModel() {
    const TempFolder folder;
    std::filesystem::copy_file(kData / "state.pt", folder.path() / "pytorch_model.bin");
    folder.write("config.json", R"({"model_type":"llama"})");
    const auto model = openCheckpoint(folder.path());
    QCOMPARE(model->tensors().size(), std::size_t{17});
    QVERIFY(!model->contents().configJson.empty());
    // Safetensors beside it come first.
    folder.write("model.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10));
    QVERIFY(openCheckpoint(folder.path())->tensors().empty());
  }

  void pytorchShardsFollowTheirIndex() {
    const TempFolder folder;
    std::filesystem::copy_file(kData / "wrapped.pt", folder.path() / "pytorch_model-00001-of-00001.bin");
    folder.write("pytorch_model.bin.index.json", R"({"weight_map":{"0.weight":"pytorch_model-00001-of-00001.bin"}})");
    const auto model = openCheckpoint(folder.path());
    QCOMPARE(model->tensors().size(), std::size_t{1});
    QCOMPARE(model->contents().warnings.size(), std::size_t{1});  // the other tensor is not listed
  }

  void numpyArraysAreRead_data() {
    QTest::addColumn<DType>("dtype");
    QTest::addColumn<Shape>("shape");
    QTest::newRow("f4") << DType::F32 << Shape{3, 5};
    QTest::newRow("f2") << DType::F16 << Shape{3, 5};
    QTest::newRow("f8") << DType::F64 << Shape{3, 5};
    QTest::newRow("big_endian") << DType::F32 << Shape{3, 5};
    QTest::newRow("fortran") << DType::F32 << Shape{3, 5};
    QTest::newRow("fortran3") << DType::I16 << Shape{2, 3, 4};
    QTest::newRow("i1") << DType::I8 << Shape{3, 5};
    QTest::newRow("u2") << DType::U16 << Shape{3, 5};
    QTest::newRow("scalar") << DType::F32 << Shape{};
    QTest::newRow("vector") << DType::F32 << Shape{6};
    QTest::newRow("empty") << DType::F32 << Shape{0, 4};
  }
  void numpyArraysAreRead() {
    QFETCH(DType, dtype);
    QFETCH(Shape, shape);
    const std::string name = QTest::currentDataTag();
    const auto model = openCheckpoint(kData / (name + ".npy"));
    QCOMPARE(model->format(), std::string("NumPy"));
    requireCounting(*model, model->require(name), dtype, shape);
  }

  void numpyArchivesAreRead() {
    const auto stored = openCheckpoint(kData / "stored.npz");
    requireCounting(*stored, stored->require("weight"), DType::F32, {3, 5});
    requireCounting(*stored, stored->require("bias"), DType::F16, {5});
    QVERIFY(stored->require("weight").source->stored().has_value());
    const auto deflated = openCheckpoint(kData / "deflated.npz");
    requireCounting(*deflated, deflated->require("weight"), DType::F32, {30, 50});
    requireCounting(*deflated, deflated->require("bias"), DType::F16, {5});
  }

  void whatIsNoArrayOfNumbersIsRefused_data() {
    QTest::addColumn<QString>("reason");
    QTest::newRow("old.pt") << "before 2020";
    QTest::newRow("module.pt") << "'torch.nn.modules.linear.Linear'";
    QTest::newRow("objects.npy") << "Python objects";
    QTest::newRow("structured.npy") << "structured";
  }
  void whatIsNoArrayOfNumbersIsRefused() {
    QFETCH(QString, reason);
    const std::string message = openingError(kData / QTest::currentDataTag()).message;
    QVERIFY2(QString::fromStdString(message).contains(reason), message.c_str());
    QVERIFY2(QString::fromStdString(message).contains(QTest::currentDataTag()), message.c_str());
  }

  void everyFormatIsInTheRegistry() {
    for (const char* suffix : {".safetensors", ".gguf", ".pt", ".pth", ".bin", ".npz", ".npy"})
      QVERIFY2(std::any_of(allReaders().begin(), allReaders().end(),
                           [&](const ReaderInfo& reader) {
                             return std::find(reader.suffixes.begin(), reader.suffixes.end(), suffix) !=
                                    reader.suffixes.end();
                           }),
               suffix);
  }
};

QTEST_APPLESS_MAIN(TestArchiveReaders)
#include "tst_archive_readers.moc"
