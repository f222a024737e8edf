#pragma once

#include <QStyledItemDelegate>

namespace qs {

/// Draws what the roles say beside the text: a bar behind the number (ShareRole), a method's marker (ColorSlotRole,
/// MarkerRole), and failures in their colour (FailedRole).
class BarDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  using QStyledItemDelegate::QStyledItemDelegate;

  void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
  [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

 protected:
  void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override;
};

}  // namespace qs
