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
  /// Chooses another method, with the settings it was left with.
  void setMethod(const QString& method);
  /// Sets one setting of the method at work.
  void setSetting(const QString& key, const qs::ParamValue& value);
  void setCalibration(const qs::CalibrationSource& calibration);
  /// Takes everything at once, as one undo step: a recipe, or the method's defaults.
  void setRequest(const qs::QuantRequest& request, const QString& step);
  void resetSettings();

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
