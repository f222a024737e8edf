#include "ui/panels/bar_delegate.h"

#include <QApplication>
#include <QPainter>
#include <algorithm>

#include "ui/support/item_roles.h"
#include "ui/support/palette.h"

namespace qs {
namespace {

constexpr int kRowPadding = 8;
constexpr int kSwatch = 12;
constexpr double kMarkerRadius = 4.6;
constexpr int kBarAlpha = 70;
constexpr int kBarSlot = 2;

QPixmap swatch(Marker marker, const QColor& color, double ratio) {
  QPixmap pixmap(QSize(kSwatch, kSwatch) * ratio);
  pixmap.setDevicePixelRatio(ratio);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.translate(kSwatch / 2.0, kSwatch / 2.0);
  painter.fillPath(markerPath(marker, kMarkerRadius), color);
  return pixmap;
}

}  // namespace

void BarDelegate::initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const {
  QStyledItemDelegate::initStyleOption(option, index);
  const Palette colors = Palette::of(option->palette);
  if (index.siblingAtColumn(0).data(LeftOutRole).toBool()) option->palette.setColor(QPalette::Text, colors.mutedText);
  if (index.data(FailedRole).toBool()) option->palette.setColor(QPalette::Text, colors.failure);
  const QVariant slot = index.data(ColorSlotRole);
  if (slot.isValid()) {
    const double ratio = option->widget == nullptr ? 1.0 : option->widget->devicePixelRatioF();
    option->features |= QStyleOptionViewItem::HasDecoration;
    const QPixmap pixmap =
        swatch(static_cast<Marker>(index.data(MarkerRole).toInt()), colors.method(slot.toInt()), ratio);
    option->icon = QIcon(pixmap);
    option->icon.addPixmap(pixmap, QIcon::Selected);  // else the selection tints it
    option->decorationSize = QSize(kSwatch, kSwatch);
  }
}

void BarDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QStyleOptionViewItem full = option;
  initStyleOption(&full, index);
  const QStyle* style = full.widget == nullptr ? QApplication::style() : full.widget->style();
  const QVariant share = index.data(ShareRole);
  if (!share.isValid() || full.state.testFlag(QStyle::State_Selected)) {
    style->drawControl(QStyle::CE_ItemViewItem, &full, painter, full.widget);
    return;
  }
  const double part = std::clamp(share.toDouble(), 0.0, 1.0);
  QRectF bar = QRectF(full.rect).adjusted(4, 3, -2, -3);
  bar.setLeft(bar.right() - bar.width() * part);
  QColor color = Palette::of(full.palette).method(kBarSlot);
  color.setAlpha(kBarAlpha);
  painter->fillRect(bar, color);
  style->drawControl(QStyle::CE_ItemViewItem, &full, painter, full.widget);
}

QSize BarDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QSize size = QStyledItemDelegate::sizeHint(option, index);
  size.setHeight(option.fontMetrics.height() + kRowPadding);
  return size;
}

}  // namespace qs
