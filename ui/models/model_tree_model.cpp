#include "ui/models/model_tree_model.h"

#include <QColor>
#include <QFont>
#include <QRegularExpression>
#include <QSet>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/session/layer_filter.h"
#include "ui/support/item_roles.h"
#include "ui/support/number_format.h"
#include "ui/support/tool_tip.h"

namespace qs {

struct ModelTreeModel::Node {
  QString name;      ///< as shown in the tree
  QString fullName;  ///< tensor or block
  QString layer;     ///< of a 2-D tensor
  Shape shape;
  QString type;
  std::uint64_t parameters = 0;
  std::uint64_t bytes = 0;
  bool quantizable = false;
  bool leftOut = false;
  std::optional<double> error;
  std::optional<double> pinnedError;
  QString failure;
  Node* parent = nullptr;
  int row = 0;
  std::vector<std::unique_ptr<Node>> children;
};

namespace {

/// A short name: without ".weight", and of the path within the block only what its last part, or that of a bias or a
/// packed part with its layer, needs.
QString lastPart(const QString& name, bool isWeight) { return name.section(QLatin1Char('.'), isWeight ? -1 : -2); }

QString typeName(DType type) {
  const std::string_view text = name(type);
  return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

/// A share as per cent, short enough for a narrow column: 3 digits, 2 where zeros stand before them.
QString shortPercent(double share) {
  constexpr double kLeastWithThree = 0.001;
  return share < kLeastWithThree ? number::significant(100 * share, 2) + QStringLiteral("\u00a0%")
                                 : number::percent(share);
}

}  // namespace

BlockName splitBlock(const QString& tensorName) {
  static const QRegularExpression pattern(
      QStringLiteral(R"(^((?:.*\.)?(?:layers|h|blocks|block|blk|layer)\.\d+)\.(.+)$)"));
  const auto match = pattern.match(tensorName);
  return match.hasMatch() ? BlockName{match.captured(1), match.captured(2)} : BlockName{{}, tensorName};
}

ModelTreeModel::ModelTreeModel(QObject* parent) : QAbstractItemModel(parent), m_root(std::make_unique<Node>()) {}
ModelTreeModel::~ModelTreeModel() = default;

void ModelTreeModel::setCheckpoint(std::shared_ptr<const Checkpoint> model) {
  beginResetModel();
  m_model = std::move(model);
  m_root = std::make_unique<Node>();
  m_blocks.clear();
  m_layers.clear();
  m_largestError = 0;
  if (m_model) {
    for (const CheckpointTensor& tensor : m_model->tensors()) addTensor(tensor);
    shortenNames();
    sumUp();
  }
  endResetModel();
}

void ModelTreeModel::addTensor(const CheckpointTensor& tensor) {
  const QString name = QString::fromStdString(tensor.info.name);
  const auto [block, rest] = splitBlock(name);
  Node* parent = m_root.get();
  const auto append = [](Node& owner, std::unique_ptr<Node> child) {
    child->parent = &owner;
    child->row = static_cast<int>(owner.children.size());
    owner.children.push_back(std::move(child));
    return owner.children.back().get();
  };
  if (!block.isEmpty()) {
    Node*& known = m_blocks[block];
    if (known == nullptr) {
      auto node = std::make_unique<Node>();
      node->fullName = block;
      node->name = tr("Block %1").arg(block.section(QLatin1Char('.'), -1));
      known = append(*m_root, std::move(node));
    }
    parent = known;
  }
  auto node = std::make_unique<Node>();
  const TensorRole role = tensorRole(tensor.info);
  const bool isMatrix = tensor.info.shape.size() == 2;
  node->name = rest.endsWith(QLatin1String(".weight")) ? rest.chopped(7) : rest;
  node->fullName = name;
  node->layer = isMatrix ? QString::fromStdString(layerName(tensor.info.name)) : QString();
  node->shape = tensor.info.shape;
  node->type =
      tensor.info.storedScheme.empty() ? typeName(tensor.info.dtype) : QString::fromStdString(tensor.info.storedScheme);
  node->parameters = tensor.info.elements;
  node->bytes = tensor.info.bytes;
  node->quantizable = role == TensorRole::Linear;
  Node* added = append(*parent, std::move(node));
  if (isMatrix) m_layers.insert(added->layer, added);
}

void ModelTreeModel::shortenNames() {
  for (Node* block : std::as_const(m_blocks)) {
    QHash<QString, int> uses;
    const auto shortName = [](const Node& node) {
      return lastPart(node.name, node.fullName.endsWith(QLatin1String(".weight")));
    };
    for (const auto& node : block->children) ++uses[shortName(*node)];
    for (const auto& node : block->children) {
      if (QString name = shortName(*node); uses.value(name) == 1) node->name = std::move(name);
    }
  }
}

void ModelTreeModel::sumUp() {
  for (const auto& node : m_root->children) {
    for (const auto& child : node->children) {
      node->parameters += child->parameters;
      node->bytes += child->bytes;
    }
  }
}

void ModelTreeModel::takeReport(Node& node, const LayerReportPtr& report) {
  node.failure = QString::fromStdString(report->error);
  node.error = report->error.empty() ? std::optional(report->metrics.weightRelativeError) : std::nullopt;
  if (node.parent == m_root.get()) return;
  Node& block = *node.parent;
  block.error.reset();
  for (const auto& child : block.children) {
    if (child->error) block.error = std::max(block.error.value_or(0), *child->error);
  }
}

void ModelTreeModel::noticeLargest() {
  m_largestError = 0;
  for (const Node* node : std::as_const(m_layers)) m_largestError = std::max(m_largestError, node->error.value_or(0));
}

void ModelTreeModel::setLayerReports(const std::vector<LayerReportPtr>& reports) {
  const double before = m_largestError;
  std::vector<Node*> changed;
  for (const LayerReportPtr& report : reports) {
    Node* node = m_layers.value(QString::fromStdString(report->name));
    if (node == nullptr) continue;
    takeReport(*node, report);
    changed.push_back(node);
    if (node->parent != m_root.get()) changed.push_back(node->parent);
  }
  if (changed.empty()) return;
  noticeLargest();
  for (const Node* node : changed) {
    Q_EMIT dataChanged(indexOf(*node, ErrorColumn), indexOf(*node, DifferenceColumn));
  }
  if (before != m_largestError && !m_root->children.empty()) {  // every bar has another length now
    Q_EMIT dataChanged(index(0, ErrorColumn), index(rowCount() - 1, ErrorColumn), {ShareRole});
  }
}

void ModelTreeModel::clearReports() {
  m_largestError = 0;
  for (Node* node : std::as_const(m_layers)) {
    node->error.reset();
    node->failure.clear();
  }
  for (Node* block : std::as_const(m_blocks)) block->error.reset();
  tellErrorsChanged();
}

void ModelTreeModel::setPinnedReports(const std::vector<LayerReportPtr>& reports) {
  for (Node* node : std::as_const(m_layers)) node->pinnedError.reset();
  for (const LayerReportPtr& report : reports) {
    Node* node = m_layers.value(QString::fromStdString(report->name));
    if (node != nullptr && report->error.empty()) node->pinnedError = report->metrics.weightRelativeError;
  }
  tellErrorsChanged();
}

void ModelTreeModel::tellErrorsChanged() {
  for (const Node* block : std::as_const(m_blocks)) {
    const int last = static_cast<int>(block->children.size()) - 1;
    if (last < 0) continue;
    Q_EMIT dataChanged(indexOf(*block->children.front(), ErrorColumn),
                       index(last, DifferenceColumn, indexOf(*block, 0)));
  }
  if (rowCount() > 0) Q_EMIT dataChanged(index(0, ErrorColumn), index(rowCount() - 1, DifferenceColumn));
}

std::optional<double> ModelTreeModel::difference(const Node& node) {
  if (node.children.empty()) {
    if (!node.error || !node.pinnedError) return {};
    return *node.error - *node.pinnedError;
  }
  std::optional<double> largest;
  for (const auto& child : node.children) {
    const auto own = difference(*child);
    if (own && std::abs(*own) >= std::abs(largest.value_or(0))) largest = own;
  }
  return largest;
}

void ModelTreeModel::setChosenLayers(const QStringList& layers) {
  const QSet<QString> chosen(layers.begin(), layers.end());
  for (const auto& top : m_root->children) {
    top->leftOut = top->children.empty() && !chosen.contains(top->layer);
    if (top->children.empty()) continue;
    for (const auto& node : top->children) node->leftOut = !chosen.contains(node->layer);
    const int last = static_cast<int>(top->children.size()) - 1;
    Q_EMIT dataChanged(indexOf(*top->children.front(), NameColumn), index(last, BytesColumn, indexOf(*top, 0)),
                       {LeftOutRole});
  }
  if (rowCount() > 0) Q_EMIT dataChanged(index(0, NameColumn), index(rowCount() - 1, BytesColumn), {LeftOutRole});
}

QModelIndex ModelTreeModel::indexOfLayer(const QString& layer) const {
  const Node* node = m_layers.value(layer);
  return node == nullptr ? QModelIndex() : indexOf(*node, NameColumn);
}

const ModelTreeModel::Node* ModelTreeModel::nodeAt(const QModelIndex& index) const {
  return index.isValid() ? static_cast<const Node*>(index.constInternalPointer()) : m_root.get();
}

QModelIndex ModelTreeModel::indexOf(const Node& node, int column) const { return createIndex(node.row, column, &node); }

QModelIndex ModelTreeModel::index(int row, int column, const QModelIndex& parent) const {
  if (!hasIndex(row, column, parent)) return {};
  return createIndex(row, column, nodeAt(parent)->children[static_cast<std::size_t>(row)].get());
}

QModelIndex ModelTreeModel::parent(const QModelIndex& child) const {
  const Node* node = nodeAt(child);
  if (!child.isValid() || node->parent == m_root.get()) return {};
  return indexOf(*node->parent, NameColumn);
}

int ModelTreeModel::rowCount(const QModelIndex& parent) const {
  return parent.column() > 0 ? 0 : static_cast<int>(nodeAt(parent)->children.size());
}

int ModelTreeModel::columnCount(const QModelIndex& /*parent*/) const { return ColumnCount; }

QVariant ModelTreeModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const Node& node = *nodeAt(index);
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole:
      return display(node, column);
    case SortRole:
      return sortValue(node, column);
    case NameRole:
      return node.fullName;
    case LayerRole:
      return node.layer;
    case FailedRole:
      return !node.failure.isEmpty();
    case LeftOutRole:
      return node.leftOut;
    case ShareRole:
      if (column != ErrorColumn || !node.error || m_largestError <= 0) return {};
      return *node.error / m_largestError;
    case Qt::ToolTipRole:
      return wrappedToolTip(toolTip(node, column));
    case Qt::TextAlignmentRole:
      return column == NameColumn || column == TypeColumn ? QVariant() : QVariant(Qt::AlignRight | Qt::AlignVCenter);
    default:
      return {};
  }
}

QVariant ModelTreeModel::display(const Node& node, int column) const {
  const bool isBlock = !node.children.empty();
  switch (column) {
    case NameColumn:
      return node.name;
    case ShapeColumn:
      return isBlock ? number::counted(node.children.size(), tr("1 tensor"), tr("%1 tensors"))
                     : QString::fromStdString(toText(node.shape));
    case TypeColumn:
      return node.type;
    case ParametersColumn:
      return number::count(node.parameters);
    case BytesColumn:
      return number::size(node.bytes);
    case ErrorColumn:
      if (!node.failure.isEmpty()) return tr("failed");
      return node.error ? shortPercent(*node.error) : QString();
    case DifferenceColumn: {
      const auto value = difference(node);
      return value ? number::difference(100 * *value) : QString();
    }
    default:
      return {};
  }
}

QVariant ModelTreeModel::sortValue(const Node& node, int column) const {
  switch (column) {
    case ShapeColumn:
    case ParametersColumn:
      return static_cast<qulonglong>(node.parameters);
    case BytesColumn:
      return static_cast<qulonglong>(node.bytes);
    case ErrorColumn:
      if (!node.failure.isEmpty()) return std::numeric_limits<double>::infinity();
      return node.error.value_or(-1.0);
    case DifferenceColumn:
      return difference(node).value_or(-std::numeric_limits<double>::infinity());
    case TypeColumn:
      return node.type;
    default:
      return node.fullName;
  }
}

QString ModelTreeModel::toolTip(const Node& node, int column) const {
  if (!node.failure.isEmpty()) return tr("%1 failed: %2").arg(node.fullName, node.failure);
  if (column == BytesColumn) return number::exactBytes(node.bytes);
  if (column == ErrorColumn && node.error) {
    const QString value = number::significant(100 * *node.error, 6);
    return (node.children.empty() ? tr("Relative weight error: %1 %, squared error over squared weights")
                                  : tr("Relative weight error of the block's worst layer: %1 %"))
        .arg(value);
  }
  if (column == DifferenceColumn && difference(node))
    return node.children.empty() ? tr("Relative weight error of A minus that of B, in % points")
                                 : tr("Of the block's layers, the one whose error differs most: A − B in % points");
  if (node.children.empty() && !node.quantizable) return tr("%1\nNot quantized: no linear weight").arg(node.fullName);
  if (node.leftOut) return tr("%1\nNot quantized: the layers of the run leave it out").arg(node.fullName);
  return column == NameColumn ? node.fullName : display(node, column).toString();
}

QVariant ModelTreeModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole && section != NameColumn && section != TypeColumn) {
    return QVariant(Qt::AlignRight | Qt::AlignVCenter);
  }
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case NameColumn:
      return tr("Tensor");
    case ErrorColumn:
      return tr("Error");
    case DifferenceColumn:
      return tr("A − B");
    case ShapeColumn:
      return tr("Shape");
    case TypeColumn:
      return tr("Type");
    case ParametersColumn:
      return tr("Parameters");
    case BytesColumn:
      return tr("Size");
    default:
      return {};
  }
}

}  // namespace qs
