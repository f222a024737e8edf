#include "ui/controllers/request_controller.h"

#include <QElapsedTimer>
#include <QUndoCommand>

#include "core/quant/method_registry.h"

namespace qs {
namespace {

constexpr int kEditId = 1;
constexpr qint64 kMergeMilliseconds = 1000;  ///< a later change of the same setting is a step of its own

}  // namespace

class RequestController::Edit : public QUndoCommand {
 public:
  Edit(RequestController& controller, QuantRequest after, const QString& text, std::string mergeKey)
      : QUndoCommand(text),
        m_controller(controller),
        m_before(controller.request()),
        m_after(std::move(after)),
        m_mergeKey(std::move(mergeKey)) {
    m_age.start();
  }

  [[nodiscard]] int id() const override { return kEditId; }
  void undo() override { m_controller.apply(m_before); }
  void redo() override { m_controller.apply(m_after); }

  bool mergeWith(const QUndoCommand* command) override {
    const auto* later = static_cast<const Edit*>(command);
    if (m_mergeKey.empty() || later->m_mergeKey != m_mergeKey || m_age.elapsed() > kMergeMilliseconds) return false;
    m_after = later->m_after;
    m_age.restart();
    setObsolete(m_after == m_before);
    return true;
  }

 private:
  RequestController& m_controller;
  QuantRequest m_before;
  QuantRequest m_after;
  std::string m_mergeKey;
  QElapsedTimer m_age;
};

RequestController::RequestController(QObject* parent) : QObject(parent) {}

void RequestController::setMethod(const QString& method) {
  const std::string id = method.toStdString();
  if (id == m_request.method || findMethod(id) == nullptr) return;
  QuantRequest request = m_request;
  request.method = id;
  request.settings = m_settingsByMethod[id];
  push(std::move(request), tr("Change method"), {});
}

void RequestController::setSetting(const QString& key, const ParamValue& value) {
  QuantRequest request = m_request;
  request.settings.set(key.toStdString(), value);
  const ParamSpec* spec = requireMethod(request.method).parameter(key.toStdString());
  const QString label = spec == nullptr ? key : QString::fromStdString(spec->label);
  push(std::move(request), tr("Change %1").arg(label), request.method + '/' + key.toStdString());
}

void RequestController::setCalibration(const CalibrationSource& calibration) {
  QuantRequest request = m_request;
  request.calibration = calibration;
  push(std::move(request), tr("Change calibration"), {});
}

void RequestController::setRequest(const QuantRequest& request, const QString& step) { push(request, step, {}); }

void RequestController::resetSettings() {
  QuantRequest request = m_request;
  request.settings = {};
  push(std::move(request), tr("Restore defaults"), {});
}

void RequestController::push(QuantRequest request, const QString& step, const std::string& mergeKey) {
  if (request == m_request) return;
  m_undo.push(new Edit(*this, std::move(request), step, mergeKey));  // the stack owns it
}

void RequestController::apply(const QuantRequest& request) {
  m_request = request;
  m_settingsByMethod[m_request.method] = m_request.settings;
  Q_EMIT requestChanged(m_request);
}

}  // namespace qs
