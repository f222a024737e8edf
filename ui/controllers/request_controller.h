#pragma once

#include <QObject>
#include <QUndoStack>

#include "core/session/quant_request.h"

namespace qs {

/// The request that the window shows: the one truth about method, settings and calibration. Edits can be undone; the
/// steps of one control that is being dragged are one undo step.
class RequestController : public QObject {
  Q_OBJECT

 public:
  explicit RequestController(QObject* parent = nullptr);

  [[nodiscard]] const QuantRequest& request() const { return m_request; }
  [[nodiscard]] QUndoStack* undoStack() { return &m_undo; }

 public Q_SLOTS:
  /// Takes an edited request. Another method without settings gets those it was left with; one changed setting
  /// merges with the changes of the same setting shortly before.
  void edit(const qs::QuantRequest& request);
  /// Takes everything at once, as one undo step named `step`: a recipe, say.
  void replace(const qs::QuantRequest& request, const QString& step);

 Q_SIGNALS:
  void requestChanged(const qs::QuantRequest& request);

 private:
  class Edit;
  void push(QuantRequest request, const QString& step, const std::string& mergeKey);
  void apply(const QuantRequest& request);

  QuantRequest m_request;
  std::map<std::string, Settings> m_settingsByMethod;
  QUndoStack m_undo;
};

}  // namespace qs
