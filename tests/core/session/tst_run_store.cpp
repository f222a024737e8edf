#include <QtTest>

#include <fstream>

#include "core/base/error.h"
#include "core/io/reader_registry.h"
#include "core/quant/method_registry.h"
#include "core/session/run_store.h"
#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"

namespace fs = std::filesystem;

class TestRunStore : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() {
    m_folder.emplace();
    qs::test::writeModel(m_folder->path() / "m.safetensors", qs::test::tinyModel());
    m_model = qs::openCheckpoint(m_folder->path() / "m.safetensors");
  }

  void keepsALayer() {
    qs::RunStore store(root(), *m_model, {});
    QVERIFY(!store.contains("a"));
    store.save(report("a"), tensor());
    QVERIFY(store.contains("a"));
    QCOMPARE(store.size(), std::size_t{1});
    QVERIFY(store.loadTensor("a") == tensor());
    QVERIFY(store.loadReport("a")->stored);
    store.clear();
    QCOMPARE(store.size(), std::size_t{0});
  }

  void aDamagedLayerIsAbsent() {
    qs::RunStore store(root(), *m_model, {});
    store.save(report("a"), tensor());
    const fs::path file = store.folder() / "a.layer";
    fs::resize_file(file, fs::file_size(file) - 3);
    QVERIFY(!store.loadTensor("a").has_value());
    QVERIFY(!store.loadReport("a").has_value());
  }

  void namesThatNoFileMayHave_data() {
    QTest::addColumn<QString>("layer");
    QTest::newRow("a slash") << "a/b";
    QTest::newRow("upwards") << "../../a";
    QTest::newRow("hidden") << ".a";
    QTest::newRow("very long") << QString(5000, 'x');
    QTest::newRow("not ASCII") << QString::fromUtf8("schräg");
  }
  void namesThatNoFileMayHave() {
    QFETCH(QString, layer);
    qs::RunStore store(root(), *m_model, {});
    store.save(report(layer.toStdString()), tensor());
    QVERIFY(store.loadReport(layer.toStdString()).has_value());
    QCOMPARE(store.size(), std::size_t{1});
    QVERIFY(!store.loadReport(layer.toStdString() + "x").has_value());
  }

  void everyRequestHasItsOwnFolder() {
    const qs::RunStore a(root(), *m_model, {});
    const qs::RunStore same(root(), *m_model, {});
    const qs::RunStore other(root(), *m_model, {.seed = 1});
    QCOMPARE(a.folder(), same.folder());
    QVERIFY(a.folder() != other.folder());
  }

  void anotherModelHasAnotherFingerprint() {
    const std::string before = qs::modelFingerprint(*m_model);
    auto tensors = qs::test::tinyModel();
    tensors[3].values(0, 0) += 1.0F;
    qs::test::writeModel(m_folder->path() / "n.safetensors", tensors);
    QVERIFY(before != qs::modelFingerprint(*qs::openCheckpoint(m_folder->path() / "n.safetensors")));
    QCOMPARE(before, qs::modelFingerprint(*qs::openCheckpoint(m_folder->path() / "m.safetensors")));
  }

  void trimsTheOldestFirstAndNoneThatIsOpen() {
    const qs::RunStore open(root(), *m_model, {});
    std::vector<fs::path> folders;
    std::uint64_t each = 0;
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      qs::RunStore store(root(), *m_model, {.seed = seed});
      store.save(report("a"), tensor());
      folders.push_back(store.folder());
      fs::last_write_time(store.folder(), fs::file_time_type::clock::now() - std::chrono::hours(10 - seed));
      each = fs::file_size(store.folder() / "a.layer");
    }
    qs::RunStore::trim(root(), 2 * each);
    QVERIFY(fs::exists(folders[0]));
    QVERIFY(!fs::exists(folders[1]));
    QVERIFY(fs::exists(folders[2]));
  }

  void whatLiesWithinAnOpenRunStaysToo() {
    std::optional<qs::RunStore> outer(std::in_place, root(), *m_model, qs::QuantRequest{});
    const qs::RunStore start(outer->startFolder(), *m_model, {});
    const fs::path folder = outer->folder();
    outer.reset();
    qs::RunStore::trim(root(), 0);
    QVERIFY(fs::exists(folder));
  }

  void oneUserMayClaimIt() {
    std::optional<qs::RunStore> first(std::in_place, root(), *m_model, qs::QuantRequest{});
    QVERIFY(first->claim());
    qs::RunStore second(root(), *m_model, {});
    QVERIFY(!second.claim());
    first.reset();
    QVERIFY(second.claim());
    const qs::RunStore copy = second;
    QVERIFY(second.claim());
  }

  void aRootThatCantBeMadeIsAnError() {
    std::ofstream(m_folder->path() / "file") << "x";
    QVERIFY_EXCEPTION_THROWN(qs::RunStore(m_folder->path() / "file", *m_model, {}), qs::Error);
  }

 private:
  [[nodiscard]] fs::path root() const { return m_folder->path() / "runs"; }
  static qs::LayerReport report(const std::string& name) {
    qs::LayerReport report;
    report.name = name;
    report.shape = {2, 4};
    report.method = "rtn";
    return report;
  }
  static qs::QuantizedTensor tensor() {
    qs::QuantizedTensor tensor;
    tensor.scheme = {.bits = 4, .groupSize = 4};
    tensor.rows = 2;
    tensor.cols = 4;
    tensor.codes = {0, 1, 2, 3, 15, 14, 13, 12};
    tensor.scales = {0.5F, 0.25F};
    tensor.zeroPoints = {7.0F, 8.0F};
    return tensor;
  }

  std::optional<qs::test::TempFolder> m_folder;
  std::shared_ptr<const qs::Checkpoint> m_model;
};

QTEST_APPLESS_MAIN(TestRunStore)
#include "tst_run_store.moc"
