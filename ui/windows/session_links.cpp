#include "ui/windows/session_links.h"

#include <QFileInfo>
#include <memory>
#include <utility>

#include "ui/panels/start_page.h"
#include "ui/windows/main_window.h"
#include "ui/windows/run_description.h"
#include "ui/windows/session_keeper.h"
#include "ui/windows/view_area.h"

namespace qs {
namespace {

/// Closing the model leaves what was noted before.
void noteSession(MainWindow& window) {
  Workbench& bench = window.workbench();
  const CheckpointPtr& model = bench.model.model();
  if (!model) return;
  const QString& path = bench.model.path();
  const bool isDemo = path == ModelController::kDemo;
  window.session().note({.model = isDemo ? path : QFileInfo(path).absoluteFilePath(),
                         .modelName = QString::fromStdString(model->displayName()),
                         .recipe = recipeOf(bench.request.request()),
                         .tensor = bench.tensor(),
                         .view = ViewArea::fileName(window.views().view())});
}

void offerSession(MainWindow& window) {
  const auto& session = window.session().session();
  if (!session) return;
  QuantRequest request;
  applyRecipe(session->recipe, request);
  const bool isThere = session->model == ModelController::kDemo || QFileInfo::exists(session->model);
  window.views().startPage()->setSession(
      MainWindow::tr("Continue: %1 – %2").arg(session->modelName, runStyle(request).name),
      MainWindow::tr("%1, %2").arg(session->model, settingsText(request)),
      isThere ? QString() : MainWindow::tr("%1 isn't there any more").arg(session->model));
}

/// Brings back what was done with the model that has just been opened.
void takeUp(MainWindow& window, const StoredSession& session) {
  Workbench& bench = window.workbench();
  QuantRequest request = bench.request.request();
  applyRecipe(session.recipe, request);
  bench.request.replace(request, MainWindow::tr("Continue"));
  bench.selectNamed(session.tensor);
  for (const ViewArea::View view : ViewArea::allViews())
    if (ViewArea::fileName(view) == session.view) window.views().setView(view);
}

}  // namespace

void linkSession(MainWindow& window) {
  Workbench& bench = window.workbench();
  const auto note = [&window] { noteSession(window); };
  const auto offer = [&window] { offerSession(window); };
  const auto asked = std::make_shared<std::optional<StoredSession>>();  // until its model is open
  QObject::connect(window.views().startPage(), &StartPage::continueRequested, &window, [&window, asked] {
    *asked = window.session().session();
    if (*asked) window.open((*asked)->model);
  });
  QObject::connect(&bench.model, &ModelController::openFailed, &window, [asked] { asked->reset(); });
  QObject::connect(&bench.model, &ModelController::modelChanged, &window,
                   [&window, asked, note, offer](const CheckpointPtr& model) {
                     const auto session = std::exchange(*asked, std::nullopt);
                     const bool isAsked = session && session->model == window.workbench().model.path();
                     if (model && isAsked) takeUp(window, *session);
                     model ? note() : offer();
                   });
  QObject::connect(&bench.request, &RequestController::requestChanged, &window, note);
  QObject::connect(&bench, &Workbench::tensorChanged, &window, note);
  QObject::connect(&window.views(), &ViewArea::viewChanged, &window, note);
  QObject::connect(&window.session(), &SessionKeeper::sessionRead, &window, offer);
  QObject::connect(&window.session(), &SessionKeeper::message, &bench, &Workbench::message);
}

}  // namespace qs
