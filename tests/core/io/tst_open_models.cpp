#include <QtTest>

#include <filesystem>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "tests/support/project_paths.h"

using namespace qs;

namespace {

const std::filesystem::path kModels = qs::test::sharedModelsFolder();

}  // namespace

class TestOpenModels : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void aModelFolderOpens() {
    if (!std::filesystem::exists(kModels)) QSKIP("the shared models are not here");
    const auto model = openCheckpoint(kModels / "stories260K");
    QCOMPARE(model->displayName(), std::string("stories260K"));
    QVERIFY(model->contents().configJson.find("\"llama\"") != std::string::npos);
    const CheckpointTensor& tensor = model->require("model.layers.0.self_attn.k_proj.weight");
    QCOMPARE(tensor.info.shape, (Shape{32, 64}));
    const Matrix values = model->load(tensor);
    QCOMPARE(values.rows(), std::size_t{32});
    QCOMPARE(values.cols(), std::size_t{64});
    QVERIFY(model->contents().tokenizerFolder == kModels / "stories260K");
    tensor.source->release();
    QVERIFY(model->load(tensor) == values);
  }

  void aMissingTensorIsNamed() {
    const auto model = openCheckpoint(qs::test::demoFolder());
    QCOMPARE(model->find("nothing"), nullptr);
    try {
      (void)model->require("nothing");
      QFAIL("no error");
    } catch (const Error& error) {
      QVERIFY(std::string(error.what()).find("nothing") != std::string::npos);
      QVERIFY(error.kind() == ErrorKind::Input);
    }
  }
};

QTEST_APPLESS_MAIN(TestOpenModels)
#include "tst_open_models.moc"
