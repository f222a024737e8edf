#include "ui/controllers/request_controller.h"

#include <QElapsedTimer>
#include <QUndoCommand>
#include <set>
#include <string>
#include <vector>

#include "core/quant/method_registry.h"

namespace qs {
namespace {

constexpr int kEditId = 1;
constexpr int kMostSteps = 500;
constexpr qint64 kMergeMilliseconds = 1000;  ///< a later change of the same setting is a step of its own

std::vector<std::string> changedKeys(const Settings& before, const Settings& after) {
  std::set<std::string> keys;
  for (const Settings* settings : {&before, &after}) {
    for (const auto& [key, value] : settings->values()) keys.insert(key);
  }
  std::vector<std::string> changed;
  for (const std::string& key : keys) {
    const bool same = before.contains(key) && after.contains(key) && before.value(key) == after.value(key);
    if (!same) changed.push_back(key);
  }
  return changed;
}

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

RequestController::RequestController(QObject* parent) : QObject(parent) { m_undo.setUndoLimit(kMostSteps); }

void RequestController::edit(const QuantRequest& request) {
  if (request.method != m_request.method) {
    QuantRequest next = request;
    if (next.settings.values().empty()) next.settings = m_settingsByMethod[next.method];
    return push(std::move(next), tr("Change method"), {});
  }
  const auto changed = changedKeys(m_request.settings, request.settings);
  if (changed.size() != 1) return push(request, tr("Change settings"), {});
  const ParamSpec* spec = requireMethod(request.method).parameter(changed.front());
  const std::string& label = spec == nullptr ? changed.front() : spec->label;
  push(request, tr("Change %1").arg(QString::fromStdString(label)), request.method + '/' + changed.front());
}

void RequestController::replace(const QuantRequest& request, const QString& step) { push(request, step, {}); }

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
