#pragma once

#include <QObject>
#include <filesystem>
#include <map>
#include <optional>

#include "ui/controllers/audit_controller.h"
#include "ui/controllers/compare_controller.h"
#include "ui/controllers/export_controller.h"
#include "ui/controllers/model_controller.h"
#include "ui/controllers/preview_controller.h"
#include "ui/controllers/prompt_controller.h"
#include "ui/controllers/request_controller.h"
#include "ui/controllers/run_controller.h"
#include "ui/controllers/training_controller.h"
#include "ui/models/comparison_model.h"
#include "ui/models/model_tree_model.h"
#include "ui/models/recent_files_model.h"
#include "ui/models/tensor_filter_model.h"

namespace qs {

/// Where the program finds and keeps its files.
struct ProgramFolders {
  std::filesystem::path executable;   ///< folder of the program: the demo model is found from it
  std::filesystem::path runs;         ///< root of the stored runs
  std::filesystem::path config = {};  ///< what is kept from one start to the next; empty keeps nothing
};

/// The window without its widgets: the controllers and item models, joined. It knows which tensor is selected, which
/// runs were made, and which of them is shown (A) and pinned (B).
class Workbench : public QObject {
  Q_OBJECT

 public:
  static constexpr int kReferenceId = 0;              ///< row of the unquantized model, also in a comparison
  static constexpr int kFirstComparedId = 1'000'000;  ///< rows of a comparison of methods

  explicit Workbench(const ProgramFolders& folders, QObject* parent = nullptr);

  ModelController model;
  RequestController request;
  PreviewController preview;
  RunController run;
  TrainingController foresight;
  CompareController compare;
  PromptController prompt;
  AuditController audit;
  ExportController exports;
  ModelTreeModel tree;
  TensorFilterModel filter;
  ComparisonModel comparison;
  RecentFilesModel recent;

  [[nodiscard]] const QString& tensor() const { return m_tensor; }
  /// The finished run of a comparison row; null where there is none.
  [[nodiscard]] FinishedRunPtr finishedRun(int id) const;
  /// The run that is shown, or the last one; null before the first.
  [[nodiscard]] FinishedRunPtr shownRun() const { return finishedRun(m_shown); }
  [[nodiscard]] int shownId() const { return m_shown; }
  [[nodiscard]] int pinnedId() const { return m_pinned; }
  /// The texts that come with the program: methods that train the model train on the second, unless the user chose a
  /// text of their own.
  void setBuiltInTexts(std::filesystem::path calibration, std::filesystem::path training) {
    m_calibrationText = std::move(calibration);
    m_trainingText = std::move(training);
  }
  /// Whether a row failed or was cancelled, and can be asked for again now.
  [[nodiscard]] bool canRetry(int id) const;
  /// The pinned run's report of a layer, or null.
  [[nodiscard]] LayerReportPtr pinnedReport(const QString& layer) const;
  /// Every layer that can be looked at: all linears.
  [[nodiscard]] QStringList layerNames() const;
  /// The layers that a run of a request quantizes. Throws Error where a glob names none.
  [[nodiscard]] QStringList chosenLayers(const QuantRequest& of) const;
  /// What a run would be asked for now: the edited request, with its training text.
  [[nodiscard]] QuantRequest runRequest() const;
  /// Whether a run or a comparison is at work: one at a time.
  [[nodiscard]] bool isRunning() const { return run.isBusy() || compare.isBusy(); }

 public Q_SLOTS:
  void selectTensor(const QString& tensor, const QString& layer);
  /// A tensor of the opened model; one that it hasn't is left alone.
  void selectNamed(const QString& tensor);
  void startRun();
  void showRun(int id);
  void pinRun(int id);
  void removeRun(int id);
  /// Runs what a failed or cancelled row was asked for again, in its place: a run, or one method of a comparison.
  void retryRun(int id);
  /// A row of a comparison, as far as it is measured: a run like others once it is finished.
  void takeCompared(std::size_t index, const qs::ComparisonRow& row);

 Q_SIGNALS:
  void tensorChanged(const QString& tensor, const QString& layer);
  void runShown(const qs::FinishedRunPtr& run);
  void pinChanged();
  void rowsChanged();
  void message(const qs::UserMessage& message);
  /// Messages about such a job are out of date.
  void messagesOutdated(qs::UserMessage::About about);

 private:
  void takeModel(const CheckpointPtr& opened);
  void tellCalibrationLacked();
  void tell(UserMessage text, UserMessage::About about);
  void joinMessages();
  void tellWarnings(const Checkpoint& opened);
  void takeFinished(const FinishedRunPtr& finished);
  void endRow(int id, ComparisonEntry::Status status, const QString& note);
  void joinRun();
  void beginComparison();
  /// The row's number in the last comparison.
  [[nodiscard]] std::optional<std::size_t> comparedIndex(int id) const;

  QString m_tensor;
  std::map<int, FinishedRunPtr> m_runs;
  std::map<int, QuantRequest> m_asked;  ///< what each run's row was asked for
  int m_shown = -1;
  int m_pinned = -1;
  std::filesystem::path m_calibrationText;
  std::filesystem::path m_trainingText;
};

}  // namespace qs
