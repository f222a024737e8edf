#include <QAbstractItemModelTester>
#include <QElapsedTimer>
#include <QSignalSpy>
#include <QtTest>

#include "tests/support/model_writer.h"
#include "tests/support/temp_folder.h"
#include "ui/models/comparison_model.h"
#include "ui/models/model_tree_model.h"
#include "ui/models/recent_files_model.h"
#include "ui/models/tensor_filter_model.h"
#include "ui/support/item_roles.h"

namespace {

/// A model whose tensors have names, shapes and no values.
std::shared_ptr<const qs::Checkpoint> modelOf(const std::vector<std::pair<std::string, qs::Shape>>& tensors) {
  qs::Checkpoint::Contents contents;
  contents.path = "model";
  for (const auto& [name, shape] : tensors) {
    const std::uint64_t elements = qs::elementCount(shape).value_or(0);
    qs::CheckpointTensor tensor;
    tensor.info.name = name;
    tensor.info.shape = shape;
    tensor.info.elements = elements;
    tensor.info.bytes = 4 * elements;
    tensor.file = "model.safetensors";
    contents.tensors.push_back(std::move(tensor));
  }
  return std::make_shared<qs::Checkpoint>(std::move(contents));
}

std::shared_ptr<const qs::Checkpoint> twoBlocks() {
  return modelOf({{"model.embed_tokens.weight", {100, 8}},
                  {"model.layers.0.self_attn.q_proj.weight", {8, 8}},
                  {"model.layers.0.mlp.down_proj.weight", {8, 32}},
                  {"model.layers.0.input_layernorm.weight", {8}},
                  {"model.layers.1.self_attn.q_proj.weight", {8, 8}},
                  {"model.layers.1.mlp.down_proj.weight", {8, 32}},
                  {"lm_head.weight", {100, 8}}});
}

std::shared_ptr<const qs::Checkpoint> manyTensors(int count) {
  std::vector<std::pair<std::string, qs::Shape>> tensors;
  for (int i = 0; i < count; ++i) {
    tensors.push_back(
        {"model.layers." + std::to_string(i / 50) + ".experts." + std::to_string(i % 50) + ".up.weight", {64, 64}});
  }
  return modelOf(tensors);
}

qs::LayerReportPtr report(const std::string& name, double error) {
  auto made = std::make_shared<qs::LayerReport>();
  made->name = name;
  made->method = "rtn";
  made->metrics.weightRelativeError = error;
  return made;
}

int countLeaves(const QAbstractItemModel& model, const QModelIndex& parent = {}) {
  int count = 0;
  for (int row = 0; row < model.rowCount(parent); ++row) {
    const QModelIndex index = model.index(row, 0, parent);
    count += model.hasChildren(index) ? countLeaves(model, index) : 1;
  }
  return count;
}

constexpr auto kFatal = QAbstractItemModelTester::FailureReportingMode::QtTest;

}  // namespace

class TestItemModels : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void theTreeGroupsTensorsByBlock() {
    qs::ModelTreeModel tree;
    QAbstractItemModelTester tester(&tree, kFatal);
    tree.setCheckpoint(twoBlocks());
    QCOMPARE(tree.rowCount(), 4);
    QCOMPARE(tree.index(1, 0).data().toString(), QStringLiteral("Block 0"));
    QCOMPARE(tree.rowCount(tree.index(1, 0)), 3);
    const QModelIndex down = tree.indexOfLayer(QStringLiteral("model.layers.1.mlp.down_proj"));
    QCOMPARE(down.data().toString(), QStringLiteral("down_proj"));
    QCOMPARE(down.siblingAtColumn(qs::ModelTreeModel::ParametersColumn).data(qs::SortRole).toULongLong(), 256ULL);
    QCOMPARE(down.siblingAtColumn(qs::ModelTreeModel::BytesColumn).data(qs::SortRole).toULongLong(), 1024ULL);
    QCOMPARE(tree.index(1, qs::ModelTreeModel::BytesColumn).data(qs::SortRole).toULongLong(), 4ULL * (64 + 256 + 8));
    tree.setCheckpoint(nullptr);
    QCOMPARE(tree.rowCount(), 0);
  }

  void onlyMatricesAreLayers() {
    qs::ModelTreeModel tree;
    tree.setCheckpoint(twoBlocks());
    const QModelIndex norm = tree.index(2, 0, tree.index(1, 0));
    QCOMPARE(norm.data(qs::NameRole).toString(), QStringLiteral("model.layers.0.input_layernorm.weight"));
    QVERIFY(norm.data(qs::LayerRole).toString().isEmpty());
    QVERIFY(norm.data(Qt::ToolTipRole).toString().contains(QStringLiteral("Not quantized")));
  }

  void errorsArriveLayerByLayerAndABlockShowsItsWorst() {
    qs::ModelTreeModel tree;
    QAbstractItemModelTester tester(&tree, kFatal);
    tree.setCheckpoint(twoBlocks());
    QSignalSpy changed(&tree, &QAbstractItemModel::dataChanged);
    tree.setLayerReports({report("model.layers.0.self_attn.q_proj", 0.01)});
    tree.setLayerReports({report("model.layers.0.mlp.down_proj", 0.04)});
    QVERIFY(changed.count() >= 4);
    const QModelIndex block = tree.index(1, qs::ModelTreeModel::ErrorColumn);
    QCOMPARE(block.data(qs::SortRole).toDouble(), 0.04);
    QCOMPARE(block.data(qs::ShareRole).toDouble(), 1.0);
    const QModelIndex query = tree.indexOfLayer(QStringLiteral("model.layers.0.self_attn.q_proj"));
    QCOMPARE(query.siblingAtColumn(qs::ModelTreeModel::ErrorColumn).data(qs::ShareRole).toDouble(), 0.25);
    tree.clearReports();
    QVERIFY(!block.data(qs::ShareRole).isValid());
  }

  void errorsAreComparedWithThoseOfThePinnedRun() {
    qs::ModelTreeModel tree;
    QAbstractItemModelTester tester(&tree, kFatal);
    tree.setCheckpoint(twoBlocks());
    const auto difference = [&tree](const char* layer) {
      return tree.indexOfLayer(QLatin1String(layer)).siblingAtColumn(qs::ModelTreeModel::DifferenceColumn);
    };
    tree.setPinnedReports(
        {report("model.layers.0.self_attn.q_proj", 0.02), report("model.layers.0.mlp.down_proj", 0.01)});
    tree.setLayerReports({report("model.layers.0.self_attn.q_proj", 0.01), report("model.layers.0.mlp.down_proj", 0.04),
                          report("model.layers.1.mlp.down_proj", 0.03)});
    QCOMPARE(difference("model.layers.0.self_attn.q_proj").data().toString(), QStringLiteral("−1.00"));
    QCOMPARE(difference("model.layers.0.mlp.down_proj").data(qs::SortRole).toDouble(), 0.03);
    QCOMPARE(difference("model.layers.1.mlp.down_proj").data().toString(), QString());  // B has no such layer
    QCOMPARE(tree.index(1, qs::ModelTreeModel::DifferenceColumn).data().toString(), QStringLiteral("+3.00"));
    tree.setPinnedReports({});
    QCOMPARE(difference("model.layers.0.mlp.down_proj").data().toString(), QString());
  }

  void aFailedLayerSaysSo() {
    qs::ModelTreeModel tree;
    tree.setCheckpoint(twoBlocks());
    auto failed = std::make_shared<qs::LayerReport>();
    failed->name = "model.layers.1.mlp.down_proj";
    failed->error = "not finite";
    tree.setLayerReports({failed});
    const QModelIndex down = tree.indexOfLayer(QStringLiteral("model.layers.1.mlp.down_proj"));
    QVERIFY(down.data(qs::FailedRole).toBool());
    QVERIFY(down.data(Qt::ToolTipRole).toString().contains(QStringLiteral("not finite")));
  }

  void splitsNamesAtTheirBlock_data() {
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("block");
    QTest::newRow("Llama") << "model.layers.12.mlp.up_proj.weight"
                           << "model.layers.12";
    QTest::newRow("GPT-2") << "transformer.h.3.attn.c_attn.weight"
                           << "transformer.h.3";
    QTest::newRow("bare GPT-2") << "h.3.attn.c_attn.weight"
                                << "h.3";
    QTest::newRow("outside blocks") << "lm_head.weight"
                                    << "";
  }
  void splitsNamesAtTheirBlock() {
    QFETCH(QString, name);
    QFETCH(QString, block);
    QCOMPARE(qs::splitBlock(name).block, block);
  }

  void theFilterKeepsTensorsWithEveryWord_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("left");
    QTest::newRow("nothing typed keeps all") << "" << 7;
    QTest::newRow("one word") << "down" << 2;
    QTest::newRow("two words, any case") << "LAYERS.1 q_" << 1;
    QTest::newRow("no such tensor") << "nowhere" << 0;
  }
  void theFilterKeepsTensorsWithEveryWord() {
    QFETCH(QString, text);
    QFETCH(int, left);
    qs::ModelTreeModel tree;
    qs::TensorFilterModel filter;
    filter.setSourceModel(&tree);
    QAbstractItemModelTester tester(&filter, kFatal);
    tree.setCheckpoint(twoBlocks());
    filter.setFilterText(text);
    QCOMPARE(countLeaves(filter), left);
  }

  void theFilterSortsByTheRawNumber() {
    qs::ModelTreeModel tree;
    qs::TensorFilterModel filter;
    filter.setSourceModel(&tree);
    tree.setCheckpoint(twoBlocks());
    filter.sort(qs::ModelTreeModel::ParametersColumn, Qt::DescendingOrder);
    QCOMPARE(filter.index(0, qs::ModelTreeModel::ParametersColumn).data(qs::SortRole).toULongLong(), 800ULL);
  }

  void tenThousandTensorsAreFilteredAndCounted() {
    qs::ModelTreeModel tree;
    qs::TensorFilterModel filter;
    filter.setSourceModel(&tree);
    tree.setCheckpoint(manyTensors(10'000));
    QElapsedTimer timer;
    timer.start();
    filter.setFilterText(QStringLiteral("experts.7.up"));
    QCOMPARE(countLeaves(filter), 200);
    qInfo("filtering 10,000 tensors took %lld ms", static_cast<long long>(timer.elapsed()));
  }

  void theComparisonShowsTextAndSortsByNumbers() {
    qs::ComparisonModel table;
    QAbstractItemModelTester tester(&table, kFatal);
    table.setRow({.id = 0, .method = "Unquantized", .sizeBytes = 1000, .bitsPerWeight = 16});
    table.setRow(
        {.id = 1, .method = "RTN", .colorSlot = 1, .sizeBytes = 300, .bitsPerWeight = 4.25, .weightError = 0.03});
    table.setRow(
        {.id = 2, .method = "GPTQ", .colorSlot = 4, .sizeBytes = 310, .bitsPerWeight = 4.5, .weightError = 0.02});
    QCOMPARE(table.rowCount(), 3);
    QCOMPARE(table.index(1, qs::ComparisonModel::SizeColumn).data(qs::SortRole).toDouble(), 300.0);
    QVERIFY(!table.index(1, qs::ComparisonModel::SizeColumn).data().toString().isEmpty());
    QVERIFY(table.index(1, qs::ComparisonModel::SizeColumn).data(Qt::FontRole).isValid());  // smallest of the runs
    QVERIFY(!table.index(2, qs::ComparisonModel::SizeColumn).data(Qt::FontRole).isValid());
    QVERIFY(table.index(2, qs::ComparisonModel::WeightErrorColumn).data(Qt::FontRole).isValid());
    table.setRow(
        {.id = 1, .method = "RTN", .colorSlot = 1, .status = qs::ComparisonEntry::Status::Failed, .note = "full disk"});
    QCOMPARE(table.rowCount(), 3);
    QVERIFY(table.index(1, 0).data(Qt::ToolTipRole).toString().contains(QStringLiteral("full disk")));
    table.removeRow(1);
    QCOMPARE(table.rowCount(), 2);
    table.clear();
    QCOMPARE(table.rowCount(), 0);
  }

  void recentFilesKeepTheNewestFirstWithoutRepeats() {
    qs::RecentFilesModel recent;
    QAbstractItemModelTester tester(&recent, kFatal);
    const qs::test::TempFolder folder;
    const QString here = QString::fromStdString(folder.write("a.safetensors", "x").string());
    for (int i = 0; i < 12; ++i) recent.add(QStringLiteral("/nowhere/%1.gguf").arg(i));
    recent.add(here);
    recent.add(QStringLiteral("/nowhere/11.gguf"));
    QCOMPARE(recent.rowCount(), qs::RecentFilesModel::kMaximum);
    QCOMPARE(recent.index(0).data().toString(), QStringLiteral("11.gguf"));
    QVERIFY(recent.index(0).data(qs::MissingRole).toBool());
    QVERIFY(!recent.index(1).data(qs::MissingRole).toBool());
    recent.removeMissing();
    QCOMPARE(recent.paths(), QStringList{here});
  }
};

QTEST_GUILESS_MAIN(TestItemModels)
#include "tst_item_models.moc"
