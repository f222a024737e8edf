#include "ui/controllers/model_controller.h"

#include "core/base/error.h"
#include "core/session/demo_model.h"
#include "core/session/runnable_model.h"
#include "ui/controllers/error_message.h"

namespace qs {
namespace {

bool canRun(const CheckpointPtr& model) {
  try {
    static_cast<void>(makeRunnable(model));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

ModelController::ModelController(std::filesystem::path executableFolder, QObject* parent)
    : QObject(parent), m_executableFolder(std::move(executableFolder)) {
  connect(&m_runner, &JobRunnerBase::busyChanged, this, &ModelController::busyChanged);
}

void ModelController::open(const QString& path) {
  m_runner.start(
      [file = path.toStdString(), folder = m_executableFolder](const RunContext&) { return openModel(file, folder); },
      [this, path](JobOutcome<CheckpointPtr> outcome) {
        if (outcome.error)
          Q_EMIT openFailed(path, errorMessage(tr("%1 could not be opened").arg(path), *outcome.error));
        if (!outcome.result) return;
        m_path = path;
        m_model = std::move(*outcome.result);
        Q_EMIT modelChanged(m_model);
        m_runCheck.start([model = m_model](const RunContext&) { return canRun(model); },
                         [this](const JobOutcome<bool>& found) { Q_EMIT canRunFound(found.result.value_or(false)); });
      });
}

void ModelController::reload() {
  if (m_model) open(m_path);
}

void ModelController::close() {
  m_runner.cancel();
  m_runCheck.cancel();
  if (!m_model) return;
  m_model.reset();
  m_path.clear();
  Q_EMIT modelChanged(m_model);
}

}  // namespace qs
