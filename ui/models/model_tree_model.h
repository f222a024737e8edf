#pragma once

#include <QAbstractItemModel>
#include <QHash>
#include <memory>
#include <optional>
#include <vector>

#include "core/io/checkpoint.h"
#include "core/session/quant_report.h"

namespace qs {

/// The tensors of an opened model as a tree: blocks, and the tensors outside blocks, at the top; a block's tensors
/// below it. Errors of a run's layers (A) come in one by one; a block shows its worst layer. Beside them stands their
/// difference to those of a pinned run (B), where there is one.
class ModelTreeModel : public QAbstractItemModel {
  Q_OBJECT

 public:
  enum Column {
    NameColumn,
    ErrorColumn,
    DifferenceColumn,
    ShapeColumn,
    TypeColumn,
    ParametersColumn,
    BytesColumn,
    ColumnCount
  };

  explicit ModelTreeModel(QObject* parent = nullptr);
  ~ModelTreeModel() override;

  /// Shows a model, or nothing for null. Forgets all errors.
  void setCheckpoint(std::shared_ptr<const Checkpoint> model);
  void setLayerReports(const std::vector<LayerReportPtr>& reports);
  void clearReports();
  /// The run that errors are compared with, or none.
  void setPinnedReports(const std::vector<LayerReportPtr>& reports);
  /// The layers that a run quantizes; all other tensors are marked with LeftOutRole. Before the first call none is.
  void setChosenLayers(const QStringList& layers);
  [[nodiscard]] QModelIndex indexOfLayer(const QString& layer) const;

  [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent = {}) const override;
  [[nodiscard]] QModelIndex parent(const QModelIndex& child) const override;
  [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  struct Node;

  [[nodiscard]] const Node* nodeAt(const QModelIndex& index) const;
  [[nodiscard]] QModelIndex indexOf(const Node& node, int column) const;
  [[nodiscard]] QVariant display(const Node& node, int column) const;
  [[nodiscard]] QVariant sortValue(const Node& node, int column) const;
  [[nodiscard]] QString toolTip(const Node& node, int column) const;
  void takeReport(Node& node, const LayerReportPtr& report);
  /// A layer's error minus that of the pinned run; a block's is that of the layer with the largest one.
  [[nodiscard]] static std::optional<double> difference(const Node& node);
  void tellErrorsChanged();
  void addTensor(const CheckpointTensor& tensor);
  /// "self_attn.q_proj" becomes "q_proj" where no other tensor of the block would be called so.
  void shortenNames();
  void sumUp();
  void noticeLargest();

  std::shared_ptr<const Checkpoint> m_model;
  std::unique_ptr<Node> m_root;
  QHash<QString, Node*> m_blocks;
  QHash<QString, Node*> m_layers;
  double m_largestError = 0;
};

/// Where a tensor belongs: its block ("model.layers.3"; empty outside blocks) and its name within it.
struct BlockName {
  QString block;
  QString rest;
};
[[nodiscard]] BlockName splitBlock(const QString& tensorName);

}  // namespace qs
